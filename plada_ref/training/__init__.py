"""Teachers and students: the same learning from different images."""
