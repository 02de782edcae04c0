"""Our proof verifier against the cases of transparency-dev/merkle, negative ones included."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from byleave.errors import VerificationError
from byleave.log import verify_consistency, verify_inclusion

VECTORS = Path(__file__).parents[3] / "shared" / "vectors" / "merkle"
INCLUSION = sorted((VECTORS / "inclusion").rglob("*.json"))
CONSISTENCY = sorted((VECTORS / "consistency").rglob("*.json"))

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(not INCLUSION, reason=f"the published Merkle vectors are not at {VECTORS}"),
]


def name_of(path: Path) -> str:
    return path.relative_to(VECTORS).as_posix().removesuffix(".json")


def hashes(case: dict[str, Any], name: str) -> list[bytes]:
    # An absent proof is written as null.
    return [base64.b64decode(one) for one in case[name] or ()]


def test_the_vectors_are_complete() -> None:
    assert (len(INCLUSION), len(CONSISTENCY)) == (98, 98)
    accepted = [path for path in INCLUSION + CONSISTENCY if not json.loads(path.read_text())["wantErr"]]
    assert len(accepted) == 12


@pytest.mark.parametrize("path", INCLUSION or [VECTORS], ids=name_of)
def test_inclusion(path: Path) -> None:
    case = json.loads(path.read_text())
    leaf, root = base64.b64decode(case["leafHash"] or ""), base64.b64decode(case["root"] or "")
    arguments = (case["leafIdx"], case["treeSize"], leaf, hashes(case, "proof"), root)
    if case["wantErr"]:
        with pytest.raises(VerificationError):
            verify_inclusion(*arguments)
    else:
        verify_inclusion(*arguments)


@pytest.mark.parametrize("path", CONSISTENCY or [VECTORS], ids=name_of)
def test_consistency(path: Path) -> None:
    case = json.loads(path.read_text())
    old_root, new_root = base64.b64decode(case["root1"] or ""), base64.b64decode(case["root2"] or "")
    arguments = (case["size1"], case["size2"], old_root, new_root, hashes(case, "proof"))
    if case["wantErr"]:
        with pytest.raises(VerificationError):
            verify_consistency(*arguments)
    else:
        verify_consistency(*arguments)
