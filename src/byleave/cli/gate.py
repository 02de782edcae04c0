"""`byleave gate`: let a dataset through to training only if its attestation says what a policy asks for."""

from __future__ import annotations

from pathlib import Path

import typer

from byleave.cli.output import now, print_json, say
from byleave.errors import VerificationError, on_one_line


def gate(
    dataset: Path = typer.Argument(help="Folder that `byleave apply` wrote and somebody signed"),
    policy: Path = typer.Option(..., help="File in TOML that says what must hold"),
    source: Path | None = typer.Option(
        None, "--input", help="What the dataset was made from: its files must be those that were named"
    ),
    pledge: Path | None = typer.Option(
        None, help="File of the pledge that the dataset was to fulfil, signed by a key of the policy"
    ),
    json_: bool = typer.Option(False, "--json", help="Print every check as JSON"),
) -> None:
    """Leave with 0 only if every check holds: signature, files, age of the list, regime, uses, evidence, coverage.

    All checks are made and told. One that does not hold makes it leave with 5, a policy that cannot be used with 2.
    """
    from byleave.release.gate import Asking
    from byleave.release.gate import gate as checks_of
    from byleave.release.gate_policy import MAX_POLICY_BYTES, GatePolicy
    from byleave.storage import read_at_most

    content = read_at_most(policy, MAX_POLICY_BYTES, remedy="name the file of your policy")
    rules = GatePolicy.parse(content, str(policy))
    checks = checks_of(Asking(dataset, rules, now(), source, pledge))
    passes = all(check.holds for check in checks)
    if json_:
        told = [{"check": one.name, "holds": one.holds, "found": one.found} for one in checks]
        print_json({"ok": passes, "checks": told})
    else:
        for one in checks:
            say(f"{'holds' if one.holds else 'FAILS':<6} {one.name:<12} {on_one_line(one.found)}")
    if not passes:
        raise typer.Exit(VerificationError.exit_code)
