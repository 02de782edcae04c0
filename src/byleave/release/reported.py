"""Hold what an attestation says against the report of the run, which is among the files that it names. Light."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from byleave.errors import FormatError
from byleave.release.attestations import FOUND, Attestation, NamedList
from byleave.release.file_lists import REPORT, named_report
from byleave.release.terms_said import minimum_of, moment, written

_ROWS: Final = ("input", "kept", "removed")


def differs_from_report(said: Attestation, folder: Path) -> tuple[str, ...]:
    """Return the members of an attestation that say something else than the report that it names.

    Raises
    ------
    NotFoundError, FormatError
        If no report is named, or it is not there, or it cannot be read.
    VerificationError
        If it is another one than is named.
    """
    with named_report(said.outputs, folder) as report:
        if report is None:
            raise FormatError(f"the attestation names no {REPORT}", remedy="sign the output anew")
        return tuple(_differing(said, report))


def _differing(said: Attestation, report: Mapping[str, Any]) -> Iterator[str]:
    reported = {name: report[name] for name in FOUND if name in report}
    told = {name: value for name, value in said.found.items() if name in FOUND}
    yield from sorted(name for name in {*reported, *told} if reported.get(name) != told.get(name))
    pairs: dict[str, tuple[object, object]] = {
        "rows": ({name: report["rows"][name] for name in _ROWS}, dict(said.rows)),
        "request": (report["request"], said.statement().predicate["request"]),
        "minimum_evidence": (minimum_of(report["request"].get("minimum_evidence")), said.minimum),
        "applied_at": (written(moment(report, "at")), written(said.applied_at)),
        "tool": (report["byleave"], said.byleave),
        "registry": (
            {_list(NamedList.parse(one)) for one in report.get("registries") or [report["release"]]},
            set(map(_list, said.lists)),
        ),
    }
    if [file.name for file in said.inputs] != [REPORT]:
        files = {one["name"]: one["sha256"] for one in report["input"]["files"]}
        pairs["input"] = (files, {file.name: file.sha256.hex() for file in said.inputs})
    yield from (name for name, (one, other) in pairs.items() if one != other)


def _list(one: NamedList) -> tuple[str, int, bytes, str]:
    return one.origin, one.name.number, one.name.manifest_digest, written(one.published_at)
