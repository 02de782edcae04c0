"""The one guarded HTTP client."""

from byleave.fetch.client import Client, Detours, FetchLimits, Posted, is_public
from byleave.fetch.looking import Looked, Pace, anywhere, same_host

__all__ = [
    "Client",
    "Detours",
    "FetchLimits",
    "Looked",
    "Pace",
    "Posted",
    "anywhere",
    "is_public",
    "same_host",
]
