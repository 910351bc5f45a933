"""A pool's semantic order: images that look alike stand together, so payloads need fewer bytes.

::

    MemoryPool (key order) + backbone -> features -> projected -> clusters -> chained -> bins
    bins -> Permutation (what a publisher ships) -> Manifest in semantic order

An image's *bin* is a number; the order is by bin, and by key among images of one bin. The
bins in key order are therefore all that a client needs who has the images.

Making an order needs torch and scikit-learn (`plada_ref.order.semantic`); applying one does not.
"""

from .permutation import Permutation, in_key_order
from .savings import Savings, measure_savings

__all__ = [
    "Permutation",
    "Savings",
    "in_key_order",
    "measure_savings",
]
