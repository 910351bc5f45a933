"""Fresh files: vectors made for one run from a secret seed, which no client can know by heart.

One module for each role yields questions. What is right follows from how a file was made, or is
what both decoders say of it; where they do not agree, the file is not used.
"""
