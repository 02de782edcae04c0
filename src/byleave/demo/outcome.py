"""Compare the three outputs of ``apply`` with the truth, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from byleave.apply.report import Report
from byleave.apply.request import WOULD_BE_REMOVED
from byleave.consent import Regime
from byleave.datasets import OWN_FOLDER
from byleave.demo.dataset import DemoDataset
from byleave.demo.entries import COVERED_BY_PDQ, Entry, RepostKind
from byleave.demo.telling import Check
from byleave.demo.truth import Truth


def checks(
    dataset: DemoDataset,
    known: Truth,
    main: Entry,
    output: Callable[[Regime], Path],
    reports: Mapping[Regime, Report],
) -> Iterator[Check]:
    """Yield every check of the outputs; ``output`` names the folder of each regime."""
    removed = removed_links(dataset, output(Regime.OPT_OUT))
    yield from _removed_checks(dataset, known, main, removed)
    whole, kept = _table(dataset.links), _table(output(Regime.OPT_OUT))
    stays = pa.array([url not in removed for url in whole["URL"].to_pylist()], pa.bool_())
    yield Check("what stays keeps its rows, columns and order", kept.equals(whole.filter(stays)))
    yield Check("`opt_in` keeps nothing, since nobody said yes", _table(output(Regime.OPT_IN)).num_rows == 0)
    yield Check("`research` keeps everything", _table(output(Regime.RESEARCH)).equals(whole))
    listed = pq.read_metadata(output(Regime.RESEARCH) / OWN_FOLDER / WOULD_BE_REMOVED).num_rows
    yield Check("and lists exactly what `opt_out` removes", listed == len(removed))
    rows = len(dataset.entries)
    expected = {Regime.OPT_OUT: rows - len(removed), Regime.OPT_IN: 0, Regime.RESEARCH: rows}
    told = [{regime: count for regime, count, _ in report.regimes()} for report in reports.values()]
    yield Check(
        "each of the three reports tells the numbers of all three regimes",
        all(one == expected for one in told),
    )


def _removed_checks(
    dataset: DemoDataset, known: Truth, main: Entry, removed: frozenset[str]
) -> Iterator[Check]:
    covered = {e.url for e in dataset.reposts_of(main) if e.repost_kind in COVERED_BY_PDQ}
    yield Check(
        f"“{main.title}” and all {len(covered)} re-posts of it that PDQ is made for are gone",
        {main.url, *covered} <= removed,
    )
    yield Check(
        f"all {len(known.claimed)} claimed originals are gone", {e.url for e in known.claimed} <= removed
    )
    yield Check("no stranger was removed", removed <= known.family)
    yield Check(
        "removed is exactly what a direct comparison of the files recognises", removed == known.recognised
    )


def sentences(dataset: DemoDataset, known: Truth, removed: frozenset[str]) -> Iterator[str]:
    """Say in numbers what became of the re-posts of claimed pictures, kind by kind, and what is still in."""
    posted, gone = known.reposts_by_kind(dataset), known.reposts_by_kind(dataset, removed)
    yield (
        "Re-posts gone: "
        + ", ".join(f"{gone[kind]} of {posted[kind]} {kind.value}" for kind in RepostKind)
        + "."
    )
    missed = sum(posted[kind] - gone[kind] for kind in COVERED_BY_PDQ)
    if missed:
        yield f"PDQ missed {missed} of the kinds it is made for: they are still in the dataset."
    still_in = posted[RepostKind.CROPPED] - gone[RepostKind.CROPPED]
    yield f"{still_in} cropped re-posts are still in the dataset: PDQ alone does not find a picture with a quarter cut off."


def removed_links(dataset: DemoDataset, output: Path) -> frozenset[str]:
    """Return the links of the dataset that an output does not hold."""
    kept = set(_table(output)["URL"].to_pylist())
    return frozenset(entry.url for entry in dataset.entries) - kept


def _table(folder: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(part) for part in sorted(folder.rglob("part-*.parquet"))])
