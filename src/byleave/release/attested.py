"""Hold an attestation against the folders of data that it names. Light."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from byleave.release.attestations import ATTESTATION, Attestation
from byleave.release.file_lists import (
    Compared,
    compare,
    compare_named,
    left_out_of_inputs,
    names_in,
    spread_inputs,
    spread_outputs,
)
from byleave.storage import OWN_FOLDER
from byleave.storage.outputs import is_beside_data

ATTESTATION_PATH: Final = f"{OWN_FOLDER}/{ATTESTATION}"

RECEIPT_PATH: Final = f"{OWN_FOLDER}/attestation.tlog-proof"
"""Where the receipt of the attestation is kept once a log holds it."""

BESIDE_OUTPUT: Final = (ATTESTATION_PATH, RECEIPT_PATH)


def compare_output(attestation: Attestation, folder: Path) -> Compared:
    """Compare a folder with the output that an attestation names; nothing else may be in it but its own file and its receipt."""
    return compare(spread_outputs(attestation.outputs, folder), folder, beside=BESIDE_OUTPUT)


def compare_input(attestation: Attestation, folder: Path, *, output: Path) -> Compared:
    """Compare a file or folder with the input that an attestation names; of very many files the report in the output names them.

    No other file may be there but what a run passes over: hidden ones, what another run left, and those that the report says are of no
    known form. Whoever was given positions alone trains on the folder, and nobody has decided about what came into it later.
    """
    files = spread_inputs(attestation.inputs, output)
    named = {file.name for file in files}
    if folder.is_file():
        other = () if folder.name in named else (folder.name,)
        return replace(compare_named(files, folder.parent), unnamed=other)
    known = named.union(left_out_of_inputs(attestation.outputs, output))
    found = [PurePosixPath(name) for name in names_in(folder)]
    data = [one for one in found if not is_beside_data(one.parts[:-1], one.name)]
    unnamed = tuple(str(one) for one in data if str(one) not in known)
    return replace(compare_named(files, folder), unnamed=unnamed)


def output_beside(path: Path) -> Path | None:
    """Return the folder of data in which an attestation stands, or ``None`` where it stands elsewhere."""
    stands = path.name == ATTESTATION and path.absolute().parent.name == OWN_FOLDER
    return path.absolute().parent.parent if stands else None
