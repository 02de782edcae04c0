"""`byleave applied`: tell a registry that one of its lists was applied, so that claimants can read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from byleave.cli.output import print_json, say
from byleave.errors import RefusedError, UnfitError, as_format_error

MOST_REPORT_BYTES = 64 * 1024 * 1024
MOST_ANSWER_BYTES = 64 * 1024
MAX_KEY_BYTES = 1024
MOST_WORDS = 300
CREATED = 201


def applied(
    report: Path = typer.Argument(help="report.json as `byleave apply` wrote it"),
    to: str = typer.Option(..., "--to", help="Web address of the registry"),
    token: Path = typer.Option(..., "--token", help="File with your organisation's key of scope `report`"),
    dataset: str | None = typer.Option(
        None, help="What claimants read as the dataset's name; left out: as in the report"
    ),
    json_: bool = typer.Option(False, "--json", help="Print what was sent as JSON"),
) -> None:
    """Send four facts of a report: number of the list, name of the dataset, entries in it, entries taken out. Nothing else leaves."""
    from byleave.fetch import Client, FetchLimits

    said = _facts(report, dataset)
    client = Client(
        FetchLimits(MOST_ANSWER_BYTES), private_addresses=True
    )  # the registry is named on the caller's own command line
    try:
        answer = client.post(
            f"{to.rstrip('/')}/api/v1/applied",
            json.dumps(said).encode(),
            headers={"Authorization": f"API {key_in(token)}", "Content-Type": "application/json"},
        )
    finally:
        client.close()
    if answer.status != CREATED:
        raise refusal("report", answer.body)
    if json_:
        print_json(said)
        return
    say(
        f"the registry knows: list no. {said['number']}, {said['dataset']}, {said['removed']:,} of {said['entries']:,} taken out"
    )


def key_in(path: Path) -> str:
    """Read a key from a file, so that it stands on no command line."""
    from byleave.storage import read_at_most

    remedy = "name a file that holds the key and nothing else: the site shows one when it is made"
    content = read_at_most(path, MAX_KEY_BYTES, remedy=remedy)
    with as_format_error(f"{path} holds no key", remedy=remedy):
        key = content.decode("ascii").strip()
        if not key.isprintable() or not key:
            raise UnfitError("a key is one line")
    return key


def _facts(report: Path, dataset: str | None) -> dict[str, Any]:
    from byleave.storage import read_at_most

    remedy = "give the report.json of `byleave apply`"
    content = read_at_most(report, MOST_REPORT_BYTES, remedy=remedy)
    with as_format_error(f"{report} is no report", remedy=remedy):
        facts = json.loads(content)
        return {
            "number": int(facts["release"]["number"]),
            "dataset": str(dataset or facts["input"]["dataset"]),
            "entries": int(facts["rows"]["input"]),
            "removed": int(facts["rows"]["removed"]),
        }


def refusal(what: str, body: bytes) -> RefusedError:
    """Return the error that tells what a registry answered that refuses something: its reason and its remedy, where it gives them."""
    try:
        told = json.loads(body)
        reason, remedy = str(told["error"])[:MOST_WORDS], str(told["remedy"])[:MOST_WORDS]
    except (ValueError, KeyError, TypeError, RecursionError):
        reason, remedy = "without a reason", "check the registry's address, and try again"
    return RefusedError(f"the registry refused the {what}: {reason}", remedy=remedy)
