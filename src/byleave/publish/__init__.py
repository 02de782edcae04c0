"""Publish: everything effective and waiting in the registry becomes release N."""

from byleave.publish.health import Health, health
from byleave.publish.releases import Published, publish

__all__ = ["Health", "Published", "health", "publish"]
