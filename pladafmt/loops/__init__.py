"""Loops over images that NumPy cannot express, as plain Python or compiled by numba."""
