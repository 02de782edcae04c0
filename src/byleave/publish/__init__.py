"""Publish: everything effective and waiting in the registry becomes release N."""

from byleave.publish.releases import Published, publish

__all__ = ["Published", "publish"]
