"""Every command by its name: one Typer application. Every command parses, calls one room and prints.

Modules of this room import their rooms inside the functions, so that help is instant and no command loads what it does not need.
"""

from __future__ import annotations

import typer

from byleave import __version__
from byleave.cli import (
    account,
    applied,
    apply,
    attest,
    attest_items,
    checking_items,
    claim,
    copies,
    demo,
    diff,
    doctor,
    fingerprint,
    gate,
    ingest,
    keys,
    log,
    mirror,
    models,
    negative,
    pledge,
    proof,
    publish,
    redact,
    registry,
    report,
    retention,
    review,
    reviewer,
    search,
    serve,
    sync,
    token,
    verify,
    witness,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def root(
    version: bool = typer.Option(False, "--version", help="Print the version and leave", is_eager=True),
) -> None:
    """Find your work in AI training data, say what may be done with it, and make that stick."""
    if version:
        typer.echo(f"byleave {__version__}")
        raise typer.Exit


attest.app.command("bind")(attest_items.bind)
attest.app.command("prove")(attest_items.prove)
attest.app.command("open")(attest_items.open_)

app.command("ingest")(ingest.ingest)
app.command("search")(search.search)
app.command("fingerprint")(fingerprint.fingerprint)
app.add_typer(claim.app, name="claim")
app.command("publish")(publish.publish)
app.add_typer(keys.app, name="keys")
app.add_typer(log.app, name="log")
app.add_typer(witness.app, name="witness")
app.command("redact")(redact.redact)
app.command("sync")(sync.sync)
app.command("mirror")(mirror.mirror)
app.command("verify")(verify.verify)
app.add_typer(copies.app, name="copies")
app.command("apply")(apply.apply)
app.command("applied")(applied.applied)
app.command("diff")(diff.diff)
app.command("pledge")(pledge.pledge)
app.add_typer(attest.app, name="attest")
app.command("gate")(gate.gate)
app.command("prove-absent")(checking_items.prove_absent)
app.command("audit-attestation")(checking_items.audit_attestation)
app.add_typer(models.app, name="models")
app.add_typer(report.app, name="report")
app.add_typer(token.app, name="token")
app.add_typer(proof.app, name="proof")
app.add_typer(review.app, name="review")
app.add_typer(reviewer.app, name="reviewer")
app.add_typer(negative.app, name="negative")
app.add_typer(account.app, name="account")
app.command("retention")(retention.retention)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("backup")(registry.backup)
app.command("restore")(registry.restore)
