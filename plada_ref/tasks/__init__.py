"""Tasks: labelled images, found by name or in files, and divided into splits."""
