"""Labelled images: what they are called, where they lie, and how they are divided."""
