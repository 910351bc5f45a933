"""Networks: which one, what its input is, and the file of a trained one."""
