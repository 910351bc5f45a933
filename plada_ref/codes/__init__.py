"""Codes of a pool's images: small integers that publisher and clients share (section 17).

::

    MemoryPool + backbone -> features -> Projection (fitted to a sample) -> pool.codes.npy
    pool.projection.safetensors, with which a server gives its own images codes of the same kind

Making codes needs torch; finding and using them does not, see `plada_ref.pool.codes`.
"""
