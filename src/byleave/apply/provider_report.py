"""Drafts for providers of general-purpose AI models under Article 53(1) of the EU AI Act, filled with what a run really did.

What only the provider can know is left as a question in square brackets. Nothing here is legal advice, and the drafts say so.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from byleave.apply.domains import MOST_OF_SME, Domains
from byleave.apply.page_words import METHOD_WORDS

SHOWN_DOMAINS: Final = 50
DOMAINS_FILE: Final = "art53-domains.csv"
SUMMARY_FILE: Final = "art53.md"
POLICY_FILE: Final = "copyright-policy.md"

_NOT_ADVICE: Final = "This is a draft made by a program from the report of one run. It is no legal advice: have it read by somebody who answers for it."
_REGIMES: Final[Mapping[str, str]] = {
    "opt_out": "an entry is left out where somebody reserved the use or made it conditional; where nobody answered it stays",
    "opt_in": "an entry stays only where somebody permitted the use",
    "research": "nothing is left out; what would be is reported",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a draft is made of: the report of the run, and who provides."""

    report: Mapping[str, Any]
    provider: str | None = None
    contact: str | None = None
    attestation: str | None = None


def summary(told: Told, domains: Domains, *, sme: bool) -> str:
    """Write the facts that the template for Article 53(1)(d) asks for about crawled content and reservations of rights."""
    report = told.report
    lines = [
        "# Public summary of training content: draft of the parts about this dataset",
        "",
        f"> {_NOT_ADVICE}",
        "",
        "After the template of the European Commission of 24 July 2025 for Article 53(1)(d) of Regulation (EU) 2024/1689.",
        "",
        "## 1 General information",
        "",
        f"- Provider: {told.provider or '[name and contact of the provider]'}",
        "- Model: [names and versions of the model; date on which it was placed on the market]",
        f"- Dataset: {_dataset(report)}",
        f"- Size: {report['rows']['kept']:,} entries used of {report['rows']['input']:,}",
        "- Modality: [images with captions, or what else the entries lead to]",
        "",
        "## 2 Sources",
        "",
        "### 2.1 Publicly available datasets",
        "",
        "[whether this dataset is one, with its name and the place where it can be found]",
        "",
        "### 2.3 Content crawled and scraped from online sources",
        "",
        "- Crawlers: [names and purposes, and the period in which the entries were fetched]",
        *_domains(domains, sme=sme),
        "",
        "## 3 Data processing",
        "",
        "### 3.1 Respect of reservations of rights",
        "",
        *_reservations(told),
        "",
        "### 3.2 Removal of illegal content",
        "",
        "[measures; this run is about reservations of rights alone]",
    ]
    return "\n".join(lines) + "\n"


def _domains(domains: Domains, *, sme: bool) -> list[str]:
    """Write from where entries come, and the first of the domains that are to be listed with their share of what they are ranked by."""
    top, share = domains.top(sme=sme), f"5 %, at most {MOST_OF_SME:,}" if sme else "10 %"
    if domains.sizes is None:
        measure = (
            "the number of entries that lead there: this dataset holds links, and not what stands behind them"
        )
        heads: tuple[str, ...] = ("Domain", "Entries", "Share")
        parts: list[tuple[int, ...]] = [(domains.counts[name],) for name in top]
    else:
        measure = f"the size of what was fetched from there: this dataset holds {domains.all_bytes:,} bytes"
        heads = ("Domain", "Entries", "Bytes", "Share")
        parts = [(domains.counts[name], domains.sizes[name]) for name in top]
    whole = (domains.entries if domains.sizes is None else domains.all_bytes) or 1
    rows = [
        (name, *(f"{number:,}" for number in numbers), f"{100 * numbers[-1] / whole:.2f} %")
        for name, numbers in zip(top[:SHOWN_DOMAINS], parts, strict=False)
    ]
    return [
        f"- Domains: {len(domains.counts):,} in all, registrable domains by the public-suffix list",
        f"- {domains.without:,} of {domains.entries:,} entries name no domain",
        f"- Listed: the top {share} of the domains, {len(top):,}, by {measure}",
        f"- All of those listed: `{DOMAINS_FILE}`",
        "",
        *_table(heads, rows),
    ]


def domains_csv(domains: Domains, *, sme: bool) -> str:
    """Write the domains that are to be listed, most first, with their entries, and their bytes where these are known."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("domain", "entries") if domains.sizes is None else ("domain", "entries", "bytes"))
    for name in domains.top(sme=sme):
        # A name that begins with a sign would be a formula to a spreadsheet; a domain never does, an odd host might.
        safe = f"'{name}" if name[:1] in "=+-@" else name
        size = () if domains.sizes is None else (domains.sizes[name],)
        writer.writerow((safe, domains.counts[name], *size))
    return out.getvalue()


def policy(told: Told) -> str:
    """Draft the copyright policy of Article 53(1)(c), by the measures 1.1 to 1.5 of the code of practice, with this run's settings."""
    report, contact = told.report, told.contact or "[address of a person who answers complaints]"
    release = report["release"]
    lines = [
        f"# Copyright policy of {told.provider or '[provider]'}: draft",
        "",
        f"> {_NOT_ADVICE}",
        "",
        "## 1.1 This policy",
        "",
        "It says how we comply with Union law on copyright and related rights when we train general-purpose AI models. It is kept up to date,",
        "and [name] answers for it.",
        "",
        "## 1.2 Lawful access",
        "",
        "We do not get around technical measures that keep out those who have no right to enter, and leave out sites that courts or public",
        "authorities found to infringe again and again: [how that is done].",
        "",
        "## 1.3 Reservations of rights",
        "",
        "Our crawlers follow robots.txt (RFC 9309): [their names and periods]. Beyond that:",
        "",
        *_reservations(told),
        "",
        f"Lists of {release['origin']} are fetched [how often], and applied again before each training run.",
        "",
        "## 1.4 Output",
        "",
        "[measures that keep a model from giving back works it was trained on, and terms that forbid users to make it do so]",
        "",
        "## 1.5 Complaints",
        "",
        f"Holders of rights reach us at {contact}. We answer without delay and say what was done. Whoever made a choice in the registry need",
        "not repeat it to us; a receipt of it is enough.",
    ]
    return "\n".join(lines) + "\n"


def _reservations(told: Told) -> list[str]:
    report = told.report
    request, rows = report["request"], report["rows"]
    lines = [
        *(
            f"- Registry: {one['origin']}, published list no. {one['number']} of {one['published_at'][:10]}, "
            f"manifest SHA-256 `{one['manifest_sha256']}`"
            for one in report.get("registries", [report["release"]])
        ),
        f"- Applied on {report['at'][:10]} by Byleave {report['byleave']}, for the uses {', '.join(request['uses'])}",
        f"- Rule: {request['regime']}, that is, {_REGIMES[request['regime']]}",
        f"- {rows['removed']:,} of {rows['input']:,} entries were left out",
        f"- {report['unchecked']['rows']:,} entries could not be checked against all reservations"
        + (f"; what became of them: {request['unchecked']}" if request.get("unchecked") else ""),
    ]
    coverage = report.get("coverage")
    if coverage:
        lines.append(
            f"- Copies: {coverage['checked']:,} items were compared with claimed pictures ({coverage['fingerprint_version']}), "
            f"{coverage['same_work']:,} are copies"
        )
    if told.attestation:
        lines.append(f"- Signed statement about all this: SHA-256 `{told.attestation}`")
    causes = [
        (
            METHOD_WORDS.get(str(cause["method"]), str(cause["kind"])),
            str(cause["use"] or "any"),
            f"{cause['rows']:,}",
        )
        for cause in report["causes"]
    ]
    if causes:
        lines += ["", *_table(("Left out for", "Use", "Entries"), causes)]
    return lines


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    written = [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    return [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *written]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _dataset(report: Mapping[str, Any]) -> str:
    name, version = report["input"]["dataset"], report["input"]["dataset_version"]
    return f"{name or '[name of the dataset]'}" + (f", version `{version}`" if version else "")
