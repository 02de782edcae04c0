"""What ``byleave diff`` shows: one JSON object, and a page of charts that reads without a script or a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib import resources
from string import Template

from byleave.apply.charts import Bar, figure, table
from byleave.apply.comparing import Difference, shown
from byleave.apply.naming import ClaimName
from byleave.apply.variants import Variant
from byleave.log import JSON

FORMAT = "byleave/diff/1"
LISTED = 50
DRAWN = 15
_LEGEND = (("only in the first", "no"), ("only in the second", "yes"))

Rows = list[list[str | int]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that is known of two variants; ``claimants`` gives the pseudonym behind a claim, where a registry was named."""

    before: Variant
    after: Variant
    found: Difference
    claimants: Mapping[ClaimName, str]

    def claims(self) -> list[tuple[ClaimName, int, int]]:
        """Return each claim with the rows it covers in the list of either side, those first that changed most."""
        before, after = self.before.claims, self.after.claims
        changed = [(name, before[name], after[name]) for name in before.keys() | after.keys()]
        changed = [(name, one, other) for name, one, other in changed if one != other]
        return sorted(changed, key=lambda c: (-abs(c[1] - c[2]), c[0].claim, c[0].origin or ""))

    def parties(self) -> list[tuple[str, int, int]]:
        """Return each known pseudonym with the rows its claims cover in the list of either side, those first that changed most."""
        before, after = Counter[str](), Counter[str]()
        for name, one, other in self.claims():
            if name in self.claimants:
                before[self.claimants[name]] += one
                after[self.claimants[name]] += other
        parties = [(party, before[party], after[party]) for party in before.keys() | after.keys()]
        return sorted(parties, key=lambda party: (-abs(party[1] - party[2]), party[0]))


def comparison_object(comparison: Comparison) -> dict[str, JSON]:
    """Return the comparison as one object."""
    found = comparison.found
    return {
        "format": FORMAT,
        "first": _variant_object(comparison.before, found.before),
        "second": _variant_object(comparison.after, found.after),
        "rows": {"both": found.shared, "lost": found.lost.rows, "gained": found.gained.rows},
        "hosts": _sides(found, "hosts", "host", "rows"),
        "words": _sides(found, "words", "word", "times") if found.with_captions else None,
        "creators": _sides(found, "creators", "creator", "rows") if found.with_creators else None,
        "claims": [
            {
                "claim": name.claim,
                "origin": name.origin,
                "claimant": comparison.claimants.get(name),
                "first": one,
                "second": other,
            }
            for name, one, other in comparison.claims()[:LISTED]
        ],
        "claimants": [
            {"claimant": party, "first": one, "second": other}
            for party, one, other in comparison.parties()[:LISTED]
        ],
        "names_cut": found.cut,
    }


def comparison_page(comparison: Comparison) -> str:
    """Return the whole page."""
    found = comparison.found
    parts = [
        _top(comparison),
        _asked(comparison),
        _names(found, "hosts", "Hosts", "Host", "Entries"),
        _names(found, "words", "Words of captions", "Word", "Times") if found.with_captions else "",
        _names(found, "creators", "Creators", "Creator", "Entries") if found.with_creators else "",
        _claims(comparison),
        _limits(found),
    ]
    template = resources.files("byleave.apply").joinpath("templates/report.html").read_text("utf-8")
    title = f"Two variants: {found.lost.rows:,} entries lost, {found.gained.rows:,} gained"
    return Template(template).substitute(title=escape(title), body="\n".join(parts))


def _variant_object(variant: Variant, rows: int) -> JSON:
    return {"name": variant.name, "rows": rows, "asked": dict(variant.asked()) or None}


def _sides(found: Difference, part: str, name: str, unit: str) -> JSON:
    return {
        side: [{name: key, unit: count} for key, count in shown(getattr(counted, part), LISTED)]
        for side, counted in (("lost", found.lost), ("gained", found.gained))
    }


def _top(comparison: Comparison) -> str:
    found = comparison.found
    facts = [
        (found.shared, "entries in both"),
        (found.lost.rows, "only in the first"),
        (found.gained.rows, "only in the second"),
    ]
    bars = [
        Bar("first", ((found.shared, "none"), (found.lost.rows, "no"))),
        Bar("second", ((found.shared, "none"), (found.gained.rows, "yes"))),
    ]
    rows: Rows = [
        ["first", comparison.before.name, found.before],
        ["second", comparison.after.name, found.after],
    ]
    listed = "".join(f"<li><strong>{number:,}</strong>{words}</li>" for number, words in facts)
    return (
        f"<h1>{found.lost.rows:,} entries lost, {found.gained.rows:,} gained</h1>"
        "<p>An entry is the same in both where its link and its caption are.</p>"
        f'<ul class="facts">{listed}</ul>'
        + figure(bars, "Entries of both variants", [("in both", "none"), *_LEGEND])
        + table("The two variants", ["Variant", "Where", "Entries"], rows)
    )


def _asked(comparison: Comparison) -> str:
    first, second = dict(comparison.before.asked()), dict(comparison.after.asked())
    names = list(first) or list(second)
    if not names:
        return ""
    rows: Rows = [[name, first.get(name, "as it was"), second.get(name, "as it was")] for name in names]
    differ = [name for name in names if first.get(name) != second.get(name)]
    words = f"They differ in: {', '.join(differ)}." if differ else "Both were asked for the same."
    return f"<h2>What each run was asked for</h2><p>{escape(words)}</p>" + table(
        "What was asked for", ["Choice", "First", "Second"], rows
    )


def _names(found: Difference, part: str, title: str, head: str, unit: str) -> str:
    lost: Counter[str] = getattr(found.lost, part)
    gained: Counter[str] = getattr(found.gained, part)
    both = shown(lost + gained, LISTED)
    if not both:
        return f"<h2>{title}</h2><p>None is lost or gained.</p>"
    bars = [Bar(name, ((lost[name], "no"), (gained[name], "yes"))) for name, _ in both[:DRAWN]]
    rows: Rows = [[name, lost[name], gained[name]] for name, _ in both]
    return (
        f"<h2>{title}</h2>"
        + figure(bars, f"{title} of the entries that only one variant has", _LEGEND)
        + table(f"{unit} lost and gained", [head, "Lost", "Gained"], rows)
    )


def _claims(comparison: Comparison) -> str:
    claims, parties = comparison.claims(), comparison.parties()
    if not claims:
        return ""
    # The long names come last: on a narrow screen they are what is scrolled, not the numbers.
    rows: Rows = [
        [name.claim, one, other, name.origin or "", comparison.claimants.get(name, "")]
        for name, one, other in claims[:DRAWN]
    ]
    drawn = [(party, one, other) for party, one, other in parties] or [
        (name.claim, one, other) for name, one, other in claims
    ]
    bars = [
        Bar(name[:16], ((max(other - one, 0), "no"), (max(one - other, 0), "yes")))
        for name, one, other in drawn[:DRAWN]
    ]
    legend = [("more entries listed in the second", "no"), ("fewer", "yes")]
    return (
        "<h2>Whose choices made the difference</h2><p>Each run lists the entries it took out, with the choices that asked for it. "
        "People are named by the pseudonyms of the published list.</p>"
        + figure(bars, "By how many listed entries the second run differs from the first", legend)
        + table(
            "Listed entries by choice",
            ["Choice", "First", "Second", "Registry", "Pseudonym"],
            rows,
        )
    )


def _limits(found: Difference) -> str:
    limits = ["Other columns than link and caption are not compared, and neither is the order of entries."]
    if not found.with_captions:
        limits.append("Neither variant has a column of captions that could be read.")
    if found.cut:
        limits.append("Names are counted for the most frequent; rare ones may be missing.")
    items = "".join(f"<li>{limit}</li>" for limit in limits)
    return f"<h2>What this does not say</h2><ul>{items}</ul>"
