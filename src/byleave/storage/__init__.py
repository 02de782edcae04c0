"""Storage on the local disk with atomic publication."""

from byleave.storage.files import (
    publish_folder,
    remove_leftovers,
    staged_folder,
    sync_folder,
    write_atomically,
)
from byleave.storage.locks import alone_in

__all__ = [
    "alone_in",
    "publish_folder",
    "remove_leftovers",
    "staged_folder",
    "sync_folder",
    "write_atomically",
]
