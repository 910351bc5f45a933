"""Blocks: what is kept of a range of pool positions, each readable alone."""
