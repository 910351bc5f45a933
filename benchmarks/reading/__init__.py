"""What reading takes at each of the default limits, by several readers."""
