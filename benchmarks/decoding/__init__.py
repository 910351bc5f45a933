"""Ways from the bytes of image files to pixels: how fast they are, and how labels differ."""
