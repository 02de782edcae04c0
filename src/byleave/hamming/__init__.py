"""Find all 256-bit values within a distance of others, exactly, among millions.

One index serves everybody: the catalog's pictures, the copies of a claim, groups of copies. Importing this package is light;
numpy and numba load with the first name taken from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from byleave.hamming.index import HammingIndex, Hits

__all__ = ["HammingIndex", "Hits"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from byleave.hamming import index

    return getattr(index, name)
