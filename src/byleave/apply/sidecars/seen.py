"""What some rows state besides their links, and what stands beside them: digests and fingerprints of their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from byleave.apply.judging import Flags
from byleave.urls.bulk.sha256 import Bytes


class Stated(NamedTuple):
    """The digests that ``n`` rows state: uint8 (n, 32), zeros where there is none, and bool (n,), whether there is one."""

    digests: Bytes
    known: Flags


@dataclass(frozen=True, slots=True)
class Seen:
    """What sidecars say of ``n`` rows.

    with_digest, with_print
        bool (n,): whether the SHA-256 of the picture's bytes, and its fingerprint, are there.
    digests, plain, trimmed
        uint8 (n, 32), of no meaning where they are not there.
    quality
        uint8 (n,), 0 to 100.
    reasons
        string (n,): why there is no fingerprint.
    """

    with_digest: Flags
    digests: Bytes
    with_print: Flags
    plain: Bytes
    trimmed: Bytes
    quality: npt.NDArray[np.uint8]
    reasons: pa.Array
