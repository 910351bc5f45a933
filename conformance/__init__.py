"""The conformance suite of the `.plada` format: vectors, their generators, a second decoder."""
