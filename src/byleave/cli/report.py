"""`byleave report`: drafts for what the EU AI Act asks of providers, filled with what a run really did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from byleave.cli.output import print_json, say
from byleave.cli.statement_words import write_new
from byleave.errors import InputError, VerificationError

if TYPE_CHECKING:
    from byleave.apply.domains import Domains
    from byleave.apply.provider_report import Told

app = typer.Typer(
    no_args_is_help=True, help="Draft what the EU AI Act asks of providers from what a run really did"
)


@app.command()
def art53(
    output: Path = typer.Argument(help="Folder that `byleave apply` wrote"),
    to: Path = typer.Option(..., "--to", help="Folder for the summary and the list of domains"),
    provider: str | None = typer.Option(None, help="Name of the provider"),
    sme: bool = typer.Option(
        False, "--sme", help="A small or medium-sized provider: lists 5 %, at most 1,000 domains"
    ),
    json_: bool = typer.Option(False, "--json", help="Print the figures as JSON"),
) -> None:
    """Draft the summary of training content (Article 53(1)(d)): the top domains by size, or by entries of a dataset of links, and what was reserved and left out."""
    from byleave.apply.domains import count_domains
    from byleave.apply.finished import refuse_other_files
    from byleave.apply.provider_report import DOMAINS_FILE, SUMMARY_FILE, domains_csv, summary

    told = _told(output, provider)
    if told.report["request"]["mode"] != "filter":
        raise InputError(
            "this run took nothing out, so its output is not what is trained on",
            remedy="apply with --mode filter, and name that output",
        )
    refuse_other_files(output)
    domains = count_domains(output)
    to.mkdir(parents=True, exist_ok=True)
    write_new(to / SUMMARY_FILE, summary(told, domains, sme=sme).encode())
    write_new(to / DOMAINS_FILE, domains_csv(domains, sme=sme).encode())
    top = domains.top(sme=sme)
    if json_:
        print_json(
            {
                "domains": len(domains.counts),
                "entries": domains.entries,
                "without_domain": domains.without,
                "listed": [_listed(domains, name) for name in top],
            }
        )
        return
    say(
        f"{len(top):,} of {len(domains.counts):,} domains listed; read {to / SUMMARY_FILE} and fill in what stands in brackets"
    )


def _listed(domains: Domains, name: str) -> dict[str, object]:
    size = {} if domains.sizes is None else {"bytes": domains.sizes[name]}
    return {"domain": name, "entries": domains.counts[name], **size}


@app.command()
def policy(
    output: Path = typer.Argument(help="Folder that `byleave apply` wrote"),
    to: Path = typer.Option(..., "--to", help="File to write, such as copyright-policy.md"),
    provider: str | None = typer.Option(None, help="Name of the provider"),
    contact: str | None = typer.Option(None, help="Where holders of rights complain"),
    json_: bool = typer.Option(False, "--json", help="Print where it was written as JSON"),
) -> None:
    """Draft a copyright policy (Article 53(1)(c)) by what was really done."""
    from byleave.apply.provider_report import policy as draft

    write_new(to, draft(_told(output, provider, contact)).encode())
    if json_:
        print_json({"ok": True, "file": str(to)})
        return
    say(f"read {to} and fill in what stands in brackets")


def _told(output: Path, provider: str | None, contact: str | None = None) -> Told:
    from byleave.apply.finished import read_report
    from byleave.apply.provider_report import Told
    from byleave.cli.verify_statements import statement_bytes
    from byleave.log.envelopes import Envelope
    from byleave.release.attestations import Attestation
    from byleave.release.attested import ATTESTATION_PATH
    from byleave.release.reported import differs_from_report
    from byleave.release.statements import Statement

    report = read_report(output)
    signed = output / ATTESTATION_PATH
    if not signed.is_file():
        return Told(report, provider, contact)
    envelope = Envelope.parse(statement_bytes(signed))
    said = Attestation.parse(Statement.parse(envelope.payload))
    if differing := differs_from_report(said, output):
        raise VerificationError(
            f"{signed} says something else than the report of {', '.join(differing)}",
            remedy="take the folder as it was written and signed, or sign it anew",
        )
    return Told(report, provider, contact, envelope.payload_sha256.hex())
