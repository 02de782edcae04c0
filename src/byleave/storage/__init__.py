"""Storage on the local disk with atomic publication."""

from byleave.storage.files import (
    publish_folder,
    remove_leftovers,
    staged_folder,
    sync_folder,
    write_atomically,
)

__all__ = ["publish_folder", "remove_leftovers", "staged_folder", "sync_folder", "write_atomically"]
