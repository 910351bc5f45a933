"""The folder of a transfer: what is written into it, and what is read out of it."""
