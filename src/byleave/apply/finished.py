"""What a finished run left: its report and the note that names every file, held against what stands there now.

Loads neither the kernel nor Arrow.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from byleave.errors import FormatError, NotFoundError, VerificationError, as_format_error
from byleave.log import VerifierKey
from byleave.release.attested import BESIDE_OUTPUT
from byleave.release.file_lists import MAX_REPORT_BYTES, REPORT, Compared, compare, names_in, noted_files
from byleave.storage import OWN_FOLDER, read_at_most
from byleave.storage.outputs import MOST_NOTE_BYTES, OUTPUT_NOTE, read_output_note

REPORT_FORMAT: Final = "byleave/report/1"

REMEDY: Final = "name a folder that `byleave apply` wrote"
_BESIDE: Final = (*BESIDE_OUTPUT, OUTPUT_NOTE)
_AS_IT_WAS: Final = "take the folder as it was written, whole, or apply again"


def read_note(output: Path) -> bytes:
    """Return the note on an output.

    Raises
    ------
    NotFoundError, FormatError
        If there is none, or it is too large.
    """
    return read_at_most(output / OUTPUT_NOTE, MOST_NOTE_BYTES, remedy=REMEDY)


def read_report(output: Path) -> Mapping[str, Any]:
    """Return the report of a finished run, as the run wrote it.

    Raises
    ------
    NotFoundError, FormatError
        If there is none, or it is of another format.
    VerificationError
        If somebody changed it since.
    """
    path = output / REPORT
    if not path.is_file():
        raise NotFoundError(f"{output} holds no report of a run", remedy=REMEDY)
    content = read_at_most(path, MAX_REPORT_BYTES, remedy=REMEDY)
    with as_format_error(f"{path} cannot be read", remedy=REMEDY):
        report = json.loads(content)
        known = report["format"] == REPORT_FORMAT
    if not known:
        raise FormatError(f"{path} is of another format", remedy="update Byleave, or apply again")
    named = {one.name: one.sha256 for one in read_output_note(read_note(output), str(output / OUTPUT_NOTE))}
    if named.get(REPORT) != hashlib.sha256(content).hexdigest():
        raise VerificationError(f"{path} is not the report that the run wrote", remedy=_AS_IT_WAS)
    found: Mapping[str, Any] = report
    return found


def refuse_touched(output: Path) -> None:
    """Refuse an output to which something was added, or of which a file is gone or has another size, since the run left it.

    No data is read for that. Where none of it is there the note and the report were copied by themselves, as from among objects.

    Raises
    ------
    NotFoundError, FormatError
        If the note on it cannot be read.
    VerificationError
        If it was touched.
    """
    written = {one.name: one.size for one in read_output_note(read_note(output), str(output / OUTPUT_NOTE))}
    there = {name: _size(output / name) for name in names_in(output) if name not in _BESIDE}
    with_data = any(not _is_ours(name) for name in there)
    compared = Compared(
        tuple(name for name in written if name not in there and (with_data or _is_ours(name))),
        tuple(name for name, size in there.items() if name in written and size != written[name]),
        tuple(name for name in there if name not in written),
    )
    _refuse(output, compared)


def refuse_other_files(output: Path) -> None:
    """Refuse an output whose files are not, byte for byte, those that the run wrote: all of it is read.

    Raises
    ------
    NotFoundError, FormatError
        If the note on it cannot be read.
    VerificationError
        If a file is another one, is gone, or is named nowhere.
    """
    files = noted_files(read_note(output), str(output / OUTPUT_NOTE))
    _refuse(output, compare(files, output, beside=_BESIDE))


def registry_keys(report: Mapping[str, Any]) -> tuple[VerifierKey, ...]:
    """Return the keys against which the run checked its lists."""
    return tuple(VerifierKey.parse(key) for one in releases_of(report) for key in one["keys"])


def releases_of(report: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return what a report says of the list of each registry; earlier ones know of one registry only."""
    found: Sequence[Mapping[str, Any]] = report.get("registries") or [report["release"]]
    return found


def _refuse(output: Path, compared: Compared) -> None:
    if not compared.same:
        raise VerificationError(f"{output} is not as the run left it: {compared.sentence}", remedy=_AS_IT_WAS)


def _size(path: Path) -> int:
    """Return the size of a plain file; a link is none, whatever it leads to."""
    return -1 if path.is_symlink() else path.stat().st_size


def _is_ours(name: str) -> bool:
    return name.startswith(f"{OWN_FOLDER}/")
