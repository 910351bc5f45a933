"""Long passes on a Ray cluster, with the same bytes as in this process."""
