"""The fuzzer: valid files are changed at random in the way of the format, and readers compared."""
