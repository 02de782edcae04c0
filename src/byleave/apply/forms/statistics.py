"""The statistics that ``img2dataset`` writes beside a shard, counted down by the rows that go."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from byleave.apply.forms.parquet_rows import bytes_of, parquet_columns
from byleave.apply.forms.units import refuse
from byleave.apply.inputs import InputFile, open_parquet
from byleave.apply.judging import Flags
from byleave.settings import MIB

SUFFIX = "_stats.json"
MOST_BYTES = 16 * MIB
COUNTS = {
    "success": "successes",
    "failed_to_download": "failed_to_download",
    "failed_to_resize": "failed_to_resize",
}
"""The field that counts rows of each status."""


def write_statistics(file: InputFile, parquet: InputFile | None, stays: Flags, path: Path) -> None:
    """Write statistics again; without a Parquet file every row was a success.

    Raises
    ------
    FormatError
        If they are no such statistics, or count fewer rows than go.
    """
    if file.path.stat().st_size > MOST_BYTES:
        raise refuse(file.name, f"longer than {MOST_BYTES:,} bytes")
    try:
        content: dict[str, Any] = json.loads(file.path.read_bytes())
        going = _going(parquet, stays)
        _less(file, content, "count", sum(going.values()))
        for (status, said), rows in going.items():
            if status in COUNTS:
                _less(file, content, COUNTS[status], rows)
            kinds = content.get("status_dict")
            if isinstance(kinds, dict) and kinds:
                _less(file, kinds, "success" if status == "success" else said, rows)
                content["status_dict"] = {name: count for name, count in kinds.items() if count}
    except (ValueError, TypeError, RecursionError, AttributeError) as error:
        raise refuse(file.name, f"no statistics of a shard: {str(error)[:150]}") from error
    path.write_text(json.dumps(content, indent=4), encoding="utf-8")


def _going(parquet: InputFile | None, stays: Flags) -> Counter[tuple[str, str]]:
    """Count the rows that go by status and message."""
    if parquet is None:
        return Counter({("success", "success"): int((~stays).sum())})
    with open_parquet(parquet.path) as opened:
        names = [name for name in ("status", "error_message") if name in opened.schema_arrow.names]
    if "status" not in names:
        return Counter({("success", "success"): int((~stays).sum())})
    found: Counter[tuple[str, str]] = Counter()
    row = 0
    for batch in parquet_columns(parquet, *names):
        columns = {name: bytes_of(batch.column(name)) for name in names}
        messages = columns.get("error_message", [None] * batch.num_rows)
        keeps = stays[row : row + batch.num_rows].tolist()
        for keep, status, message in zip(keeps, columns["status"], messages, strict=True):
            if not keep:
                found[
                    (status or b"").decode("utf-8", "replace"), (message or b"").decode("utf-8", "replace")
                ] += 1
        row += batch.num_rows
    return found


def _less(file: InputFile, counts: dict[str, Any], name: str, rows: int) -> None:
    if rows and name in counts:
        if type(counts[name]) is not int or counts[name] < rows:
            raise refuse(file.name, f"counts {counts[name]!r} of {name[:100]!r} where {rows} go")
        counts[name] -= rows
