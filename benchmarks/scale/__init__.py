"""What every stage costs with a pool of the true size: 14,197,122 images.

::

    __main__    the command line, the table and the JSON line
    child       one measurement in a process of its own, with its peak memory
    command     a command of `plada` in a process of its own, with that of its workers
    material    pools, score tables, manifests and shards that are made up
    anonymous   the largest anonymous memory of a stretch of work
    prune, encode, index, rule, label, million    the parts
"""
