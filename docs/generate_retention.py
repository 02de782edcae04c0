"""Write docs/reference/retention.md from the table in the code; a test holds the page to it."""  # noqa: INP001 - a script

from __future__ import annotations

from pathlib import Path

from byleave.registry.retention import TABLE, Kept

PAGE = Path(__file__).parent / "reference" / "retention.md"
HEAD = """# How long what is kept

Generated from `byleave.registry.retention.TABLE` by `docs/generate_retention.py`. A job of the site removes what is older, every day;
`byleave retention` does it by hand, and shows this table with `--list`.

Accounts, choices, proofs that were seen and memberships stay until whoever they belong to ends or erases them. What stands in the log
stays for good: it names nobody, and once a choice is erased nobody can open it any more.

| what | how long | counted from | why |
|---|---|---|---|
"""


def page() -> str:
    """Return the whole page."""
    return HEAD + "".join(_row(kept) for kept in TABLE.values())


def _row(kept: Kept) -> str:
    where = f" (removed by {kept.elsewhere})" if kept.elsewhere else ""
    return f"| {kept.what}{where} | {kept.length} | {kept.since} | {kept.why} |\n"


if __name__ == "__main__":
    PAGE.write_text(page())
