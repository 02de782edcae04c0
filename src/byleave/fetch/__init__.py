"""The one guarded HTTP client."""

from byleave.fetch.client import Client, FetchLimits, is_public

__all__ = ["Client", "FetchLimits", "is_public"]
