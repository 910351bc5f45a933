"""What a GPU is for here, measured with one command in a few minutes."""
