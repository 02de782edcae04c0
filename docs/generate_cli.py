"""Write ``docs/reference/cli.md`` from the command line itself. Run it after changing a command or an option."""  # noqa: INP001 - a script

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from byleave.cli.commands import app

PAGE = Path(__file__).parent / "reference" / "cli.md"

HEAD = """# The `byleave` command

This page is written by `docs/generate_cli.py` from the commands themselves; a test holds it current.

Data goes to standard output, words for people and progress to standard error. With `--json` both answers and errors are JSON;
an error is `{"ok": false, "error": ..., "remedy": ..., "exit_code": ...}`, without it two lines: `error:` and `hint:`.
[Exit codes](errors.md) say what kind of error it was; [settings](settings.md) come from the environment.
"""


def page() -> str:
    """Return the whole page."""
    return HEAD + "".join(_section(words, command) for words, command in commands())


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command with the words that call it."""
    yield from _below(typer.main.get_command(app), "byleave")


def _below(command: Any, words: str) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield words, command
        return
    for name, one in inner.items():
        yield from _below(one, f"{words} {name}")


def _section(words: str, command: Any) -> str:
    parameters = [one for one in command.params if one.name != "help"]
    about = " ".join((command.help or "").split())
    places = [one for one in parameters if one.param_type_name == "argument"]
    usage = " ".join(
        [words, *(_place(one) for one in places), *(["[OPTIONS]"] if len(places) < len(parameters) else [])]
    )
    rows = "".join(f"| {_name(one)} | {_about(one)} |\n" for one in parameters)
    table = f"\n| | |\n|---|---|\n{rows}" if rows else ""
    return f"\n## `{words}`\n\n{about}\n\n    {usage}\n{table}"


def _place(parameter: Any) -> str:
    name = (parameter.name or "").upper().rstrip("_") + ("..." if parameter.nargs == -1 else "")
    return name if parameter.required else f"[{name}]"


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{_place(parameter)}`"
    return ", ".join(f"`{one}`" for one in parameter.opts)


def _about(parameter: Any) -> str:
    default = parameter.default
    notes = []
    if parameter.required and parameter.param_type_name == "option":
        notes.append("required")
    if isinstance(default, (int, str)) and not isinstance(default, bool) and default != "":
        notes.append(f"default `{default}`")
    if isinstance(parameter.envvar, str):
        notes.append(f"or in `{parameter.envvar}`")
    about = " ".join((parameter.help or "").split()).replace("|", "\\|")
    return about + (f" ({', '.join(notes)})" if notes else "")


if __name__ == "__main__":
    PAGE.write_text(page())
