"""Ways from the bytes of image files to pixels: how fast they are, and how labels differ."""

from plada_ref.compute.process import suit_torch

suit_torch()  # Before torch is imported: it has no effect afterwards.
