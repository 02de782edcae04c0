"""The one guarded HTTP client."""

from byleave.fetch.client import Client, FetchLimits, Posted, is_public

__all__ = ["Client", "FetchLimits", "Posted", "is_public"]
