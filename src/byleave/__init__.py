"""Byleave: find your work in AI training data, say what may be done with it, and make that stick."""

__version__ = "0.1.0"
