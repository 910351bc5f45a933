"""A teacher's pass over a pool, and the table of its scores."""
