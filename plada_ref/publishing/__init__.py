"""What a publisher puts online, and what a client gets from there; see docs/publishing.md.

::

    pool, payload -> publish -> a folder for any static host, with plada-index.json
    its address -> Site -> fetch -> the same layout here, verified

None of it is part of the format.
"""
