"""Storage on the local disk with atomic publication."""

from byleave.storage.files import (
    OWN_FOLDER,
    STAGING,
    name_again,
    publish_folder,
    refuse_disk_faults,
    remove_leftovers,
    staged_file,
    staged_folder,
    sync_folder,
    write_atomically,
)
from byleave.storage.locks import alone_in
from byleave.storage.reading import open_plain, read_at_most

__all__ = [
    "OWN_FOLDER",
    "STAGING",
    "alone_in",
    "name_again",
    "open_plain",
    "publish_folder",
    "read_at_most",
    "refuse_disk_faults",
    "remove_leftovers",
    "staged_file",
    "staged_folder",
    "sync_folder",
    "write_atomically",
]
