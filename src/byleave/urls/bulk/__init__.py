"""Many links at once, by compiled loops: canonical forms of plain links and SHA-256 of many lines.

The fast subset of :mod:`byleave.urls`, held to it by tests. Nothing here is loaded with the room itself, since compiled loops are heavy.
"""
