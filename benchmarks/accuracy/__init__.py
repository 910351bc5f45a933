"""Accuracy against bytes: the parts of `benchmarks.accuracy_per_byte`."""
