"""Where bytes lie: paths and addresses, what is fetched from them, and the cache of this computer.

::

    address -> fetched -> a verified local file        (payloads, manifests, codes, keys, models)
    address -> opened, read_range -> parts of a file   (shards of a pool)
"""
