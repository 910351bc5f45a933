"""Long passes over a pool on a Ray cluster, with the same bytes as in this process.

::

    connection     the cluster: connecting, and how many actors it has room for
    actors         actors that share out chunks and survive the loss of one of them
    model_actors   actors that run a model: what they reserve, what their results depend on
    label          plada label --engine ray
    features       plada pool index --order semantic --engine ray
    index          plada pool index --engine ray

What is done with a chunk is the same as in this process: `plada_ref.labelling.chunks` and
`plada_ref.features.backbone`. All modules here import Ray.
"""
