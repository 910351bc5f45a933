"""Where the chunks of a long pass over a pool are computed.

::

    labelling    what is done with a chunk, the same wherever it is done
    cluster      the Ray cluster: connecting, and how many actors it has room for
    crew         Ray actors that share out chunks and survive the loss of one of them
    ray_label    plada label --engine ray
    ray_index    plada pool index --engine ray

The local engine is a plain loop in `plada_ref.label`. All but `labelling` import Ray.
"""
