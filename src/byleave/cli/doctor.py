"""`byleave doctor`: what is set, found, reachable and broken, each with a remedy."""

from __future__ import annotations

from dataclasses import asdict

import typer

from byleave.cli.output import now, print_json
from byleave.settings import Settings

SIGNS = {"ok": "ok     ", "warning": "look at", "broken": "BROKEN "}


def doctor(json_: bool = typer.Option(False, "--json", help="Print the findings as JSON")) -> None:
    """Look at settings, keys, lists, datasets, database and installed parts; leave with 1 if something is broken."""
    from byleave.registry import doctor as registry_doctor

    settings = Settings.from_process()
    findings = registry_doctor.check(settings)
    if not any(finding.name.startswith("extra") and finding.state != "ok" for finding in findings):
        from byleave.publish import doctor as publication_doctor

        findings = [*publication_doctor.check(settings, now()), *findings]
    if json_:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            typer.echo(f"{SIGNS[finding.state]}  {finding.name}: {finding.detail}")
            if finding.remedy and finding.state != "ok":
                typer.echo(f"         hint: {finding.remedy}")
    if any(finding.state == "broken" for finding in findings):
        raise typer.Exit(1)
