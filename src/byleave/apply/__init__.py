"""Apply a release to a dataset: compile it on this machine, match every row, write what may stay and say why the rest did not.

The package loads nothing heavy; import :mod:`byleave.apply.ruleset` to compile and :mod:`byleave.apply.run` to apply.
"""
