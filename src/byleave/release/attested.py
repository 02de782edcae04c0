"""Hold an attestation against the folders of data that it names. Light."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from byleave.release.attestations import ATTESTATION, Attestation
from byleave.release.file_lists import Compared, compare, spread_inputs, spread_outputs
from byleave.storage import OWN_FOLDER

ATTESTATION_PATH: Final = f"{OWN_FOLDER}/{ATTESTATION}"
PROOFS: Final = f"{OWN_FOLDER}/proofs"
"""Where proofs for single items stand; they follow from the attestation and are not part of what it names."""

RECEIPT_PATH: Final = f"{OWN_FOLDER}/attestation.tlog-proof"
"""Where the receipt of the attestation is kept once a log holds it."""

BESIDE_OUTPUT: Final = (ATTESTATION_PATH, RECEIPT_PATH, PROOFS)


def compare_output(attestation: Attestation, folder: Path) -> Compared:
    """Compare a folder with the output that an attestation names; nothing else may be in it but proofs."""
    return compare(spread_outputs(attestation.outputs, folder), folder, beside=BESIDE_OUTPUT)


def compare_input(attestation: Attestation, folder: Path, *, output: Path) -> Compared:
    """Compare a file or folder with the input that an attestation names; of very many files the report in the output names them.

    Files beside them are no fault: a run passes over what it does not know.
    """
    files = spread_inputs(attestation.inputs, output)
    compared = compare(files, folder.parent if folder.is_file() else folder)
    return Compared(compared.missing, compared.different)


def output_beside(path: Path) -> Path | None:
    """Return the folder of data in which an attestation stands, or ``None`` where it stands elsewhere."""
    stands = path.name == ATTESTATION and path.absolute().parent.name == OWN_FOLDER
    return path.absolute().parent.parent if stands else None
