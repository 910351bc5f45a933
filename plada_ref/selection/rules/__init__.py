"""Rules over a pool's codes: a linear classifier in a few hundred bytes (section 17).

::

    Examples (codes and classes) -> fit -> Linear -> quantise -> small integers
    their margins over the pool -> thresholds -> Rule
    search: columns, levels and images per class, by held-out images, within a number of bytes
"""
