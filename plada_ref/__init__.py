"""Reference producer and consumer of `.plada` files."""
