"""A pool's semantic order: images that look alike stand together, so payloads need fewer bytes.

::

    MemoryPool (key order) + backbone -> features -> projected -> clusters -> chained -> places
    places -> Permutation (what a publisher ships) -> Manifest in semantic order

An image's *place* is a number; the order is by place, and by key among images of one place. The
places in key order are therefore all that a client needs who has the images.

Making an order needs torch and scikit-learn (`plada_ref.order.semantic`); applying one does not.
"""

from .permutation import Permutation, in_key_order
from .worth import Worth, worth

__all__ = [
    "Permutation",
    "Worth",
    "in_key_order",
    "worth",
]
