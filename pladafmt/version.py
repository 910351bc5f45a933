"""The version of this library, of the commands and of the conformance suite.

It is the only place that states it: the project's build reads it here, so that it holds in a source
tree as well, and under whatever name the project is distributed.
"""

__version__ = "0.1.0"
