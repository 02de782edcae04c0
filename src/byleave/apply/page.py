"""``report.html``: the report for people. One file, no script, nothing fetched, readable in light and dark and on paper."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from importlib import resources
from string import Template

from byleave.apply.charts import Bar, figure, table
from byleave.apply.checks_page import checks_section
from byleave.apply.modes import Mode
from byleave.apply.page_words import (
    EVIDENCE_WORDS,
    METHOD_WORDS,
    PREFERENCE_WORDS,
    REGIME_WORDS,
    USE_WORDS,
    cause_words,
)
from byleave.apply.report import LIMITS, RegistryFacts, Report
from byleave.apply.setting_aside import KEPT_ASIDE, REMOVED_ASIDE
from byleave.apply.tally import most_first
from byleave.apply.thumbnails import Thumbnails
from byleave.apply.thumbnails_page import thumbnails_section
from byleave.consent import Evidence, Preference, Regime, Use

HOSTS_SHOWN = 15


def html_page(report: Report, thumbnails: Thumbnails | None = None) -> str:
    """Return the whole page; ``thumbnails`` are shown where some were asked for."""
    parts: tuple[Callable[[Report], str], ...] = (
        _top,
        _standard,
        _regimes,
        _answers,
        _causes,
        _copies,
        lambda _: thumbnails_section(thumbnails),
        _hosts,
        _evidence,
        checks_section,
        _origin,
        _limits,
    )
    template = resources.files("byleave.apply").joinpath("templates/report.html").read_text("utf-8")
    title = f"Registry applied: {report.removed:,} of {report.rows:,} entries {_done(report)}"
    return Template(template).substitute(title=escape(title), body="\n".join(part(report) for part in parts))


def _top(report: Report) -> str:
    run = report.run
    uses = ", ".join(USE_WORDS[use] for use in run.uses)
    if run.regime is Regime.RESEARCH:
        lead = (
            f"Nothing was removed: the regime was research. {report.listed:,} entries are listed in "
            f"<code>{run.removed_file}</code>, which are those that opt_out would remove."
        )
    elif run.mode is not Mode.FILTER:
        lead = f"Every entry that must not be used is listed with its reasons in <code>{run.removed_file}</code>."
    else:
        lead = f"Every entry taken out is listed with its reasons in <code>{run.removed_file}</code>."
    return (
        f"<h1>{report.removed:,} of {report.rows:,} entries were {_done(report)}</h1>"
        f"<p>Asked for: {escape(uses)}. Regime: <strong>{run.regime.value}</strong>, "
        f"that is, {REGIME_WORDS[run.regime]}. {lead}</p>"
        '<ul class="facts">'
        + _fact(report.rows, "entries in")
        + _fact(report.kept, "entries out" if run.mode is Mode.FILTER else "may be used")
        + _fact(report.removed, _done(report))
        + _fact(report.tally.totals["unchecked"], "could not be checked")
        + "</ul>"
    )


def _standard(report: Report) -> str:
    """Say what was set aside, and what came of it. Nothing stands here where the rules alone were asked for."""
    standard, totals = report.run.standard, report.tally.totals
    asked = [
        f"a {PREFERENCE_WORDS[Preference.parse(name)][0]} counts from {level}, {EVIDENCE_WORDS[Evidence[level]]}, on"
        for name, level in standard.minimum.items()
    ]
    if standard.as_of is not None:
        asked.append(f"what began to act after {standard.as_of:%Y-%m-%d %H:%M} UTC does not count")
    if not asked:
        return ""
    return (
        "<h2>What was set aside beyond the rules</h2>"
        f'<p class="note">Asked for: {escape("; ".join(asked))}. Because of that <strong>{totals[KEPT_ASIDE]:,}</strong> entries '
        f"stay that the rules alone would take out, and {totals[REMOVED_ASIDE]:,} go that they would let stay.</p>"
    )


def _done(report: Report) -> str:
    return "removed" if report.run.mode is Mode.FILTER else "marked"


def _fact(number: int, words: str) -> str:
    return f"<li><strong>{number:,}</strong>{words}</li>"


def _regimes(report: Report) -> str:
    regimes = report.regimes()
    bars = [Bar(regime.value, ((kept, "yes"), (removed, "no"))) for regime, kept, removed in regimes]
    rows: list[list[str | int]] = [
        [
            regime.value + (" (chosen)" if regime is report.run.regime else ""),
            REGIME_WORDS[regime],
            kept,
            removed,
        ]
        for regime, kept, removed in regimes
    ]
    return (
        "<h2>The three regimes side by side</h2><p>The same entries and the same answers; only what happens where nobody answered "
        "differs. A no and an ask-me-first are obeyed in both opt_out and opt_in.</p>"
        + figure(
            bars, "For each regime, entries kept and entries removed", [("kept", "yes"), ("removed", "no")]
        )
        + table("Entries kept and removed", ["Regime", "Meaning", "Kept", "Removed"], rows)
    )


def _answers(report: Report) -> str:
    order = list(PREFERENCE_WORDS)
    bars, rows = [], list[list[str | int]]()
    for use, counts in report.answers():
        bars.append(Bar(USE_WORDS[use], tuple((counts[p], PREFERENCE_WORDS[p][1]) for p in order)))
        rows.append([USE_WORDS[use], *(counts[p] for p in order)])
    return (
        "<h2>What people answered</h2><p>For each use, the strongest answer that covers an entry. "
        "No answer is silence, never a yes.</p>"
        + figure(
            bars, "For each use, entries by the answer that covers them", [PREFERENCE_WORDS[p] for p in order]
        )
        + table("Entries by use and answer", ["Use", *(PREFERENCE_WORDS[p][0] for p in order)], rows)
    )


def _causes(report: Report) -> str:
    causes = report.causes()
    if not causes:
        return "<h2>Why entries are listed</h2><p>None is.</p>"
    rows: list[list[str | int]] = []
    for cause in causes:
        use = Use(str(cause["use"])) if cause["use"] else None
        rows.append([cause_words(cause), USE_WORDS[use] if use else "any", int(str(cause["rows"]))])
    several = len(report.run.uses) > 1
    bars = [
        Bar(f"{reason}, {use}" if several else str(reason), ((int(count), "no"),))
        for reason, use, count in rows[:HOSTS_SHOWN]
    ]
    return (
        "<h2>Why entries are listed</h2><p>An entry may have several reasons and counts under each of them.</p>"
        + figure(bars, "Entries by the reason they are listed for")
        + table("Entries by reason", ["Reason", "Use", "Entries"], rows)
    )


def _copies(report: Report) -> str:
    distances = report.distances()
    review = report.tally.totals["review"]
    if not distances and not review:
        return ""
    bars = [Bar(f"{m}, {d} bits apart", ((n, "no"),)) for m, d, n in distances]
    rows: list[list[str | int]] = [[METHOD_WORDS.get(m, m), d, n] for m, d, n in distances]
    return (
        "<h2>Copies found by comparing pictures</h2>"
        f"<p>{review:,} more entries look similar to a claimed picture, but not surely the same. They were left in, for a "
        "person to look at.</p>"
        + figure(bars, "Entries that are copies, by how far they are from the claimed picture")
        + (table("Copies by distance", ["Found as", "Bits apart", "Entries"], rows) if rows else "")
    )


def _hosts(report: Report) -> str:
    hosts = [
        (host or "(no link that can be read)", count)
        for host, count in most_first(report.tally.hosts, HOSTS_SHOWN)
    ]
    if not hosts:
        return ""
    return (
        f"<h2>Hosts most affected</h2><p class='soft'>The first {len(hosts)} of {len(report.tally.hosts):,} hosts.</p>"
        + figure([Bar(host, ((count, "no"),)) for host, count in hosts], "Listed entries by host")
        + table("Listed entries by host", ["Host", "Entries"], hosts)
    )


def _evidence(report: Report) -> str:
    counts = [(level, report.tally.evidence[level.name]) for level in Evidence]
    if not any(count for _, count in counts):
        return ""
    labels = [f"{level.name}, {EVIDENCE_WORDS[level]}" for level, _ in counts]
    bars = [Bar(label, ((n, "no"),)) for label, (_, n) in zip(labels, counts, strict=True)]
    return (
        "<h2>How well the claims are confirmed</h2><p>The strongest evidence among the claims that an entry is listed for. "
        "It says who controls a place, not who made a work. A no for one link or one picture needs no confirmation.</p>"
        + figure(bars, "Listed entries by the strongest evidence among their claims")
        + table(
            "Listed entries by evidence",
            ["Evidence", "Entries"],
            [(label, n) for label, (_, n) in zip(labels, counts, strict=True)],
        )
    )


def _origin(report: Report) -> str:
    run = report.run
    facts: list[list[str | int]] = [
        *(fact for registry in report.registries for fact in _registry(registry)),
        ["Applied as of", f"{run.at:%Y-%m-%d %H:%M} UTC, by Byleave {run.byleave}"],
        ["Refusals not confirmed yet", "acted upon" if run.with_pending else "not acted upon"],
    ]
    if report.dataset:
        facts.append(["Dataset", report.dataset])
    if report.dataset_version:
        facts.append(["Dataset version", report.dataset_version])
    files: list[list[str | int]] = [[f.name, f.rows, f.size, f.sha256] for f in report.files[:1000]]
    return (
        "<h2>Where this comes from</h2>"
        + table("Release and run", ["Fact", "Value"], facts)
        + table(
            f"Input files ({len(report.files):,}; the first thousand are listed)",
            ["File", "Entries", "Bytes", "SHA-256"],
            files,
        )
    )


def _registry(registry: RegistryFacts) -> list[list[str | int]]:
    release, coverage = registry.release, registry.coverage
    covered: list[list[str | int]] = []
    if coverage is not None:
        covered.append(["SHA-256 of the coverage's manifest", coverage.manifest_sha256])
    return [
        ["Registry", release.origin],
        ["Published list no.", str(release.number)],
        ["Published", f"{release.published_at:%Y-%m-%d %H:%M} UTC"],
        ["SHA-256 of its manifest", release.manifest_digest.hex()],
        ["Trusted keys", ", ".join(registry.keys)],
        *covered,
    ]


def _limits(report: Report) -> str:
    totals, cut = report.tally.totals, []
    if totals["cut"]:
        cut.append(
            "Hosts and claims are counted for the most frequent of each input file; rare ones may be missing."
        )
    if totals["causes_cut"]:
        cut.append(
            f"Where very many claims name one place, the strongest are told of each entry: {totals['causes_cut']:,} more are not."
        )
    return (
        "<h2>What this does not say</h2><ul>"
        + "".join(f"<li>{escape(limit)}</li>" for limit in (*LIMITS, *cut))
        + "</ul>"
    )
