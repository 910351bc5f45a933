"""What tells the file of a permutation from the payload of a task."""

PERMUTATION = "plada_order"
"""Member of a payload's metadata: the payload puts a pool in order, and its labels are bins."""
