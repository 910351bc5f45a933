"""The suite tested by mutants: plain programs of every role, each with one small slip.

``python -m plada_conformance.mutation`` makes every mutant that the operators know, asks it the
role's vectors, and names those that no vector tells from the program. Each of these is on the list
of equivalent ones, with the reason, or wants a vector.
"""
