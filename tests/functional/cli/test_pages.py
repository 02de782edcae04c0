"""The reference pages name every command, error and setting there is."""

from __future__ import annotations

import importlib.util
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from byleave import errors
from byleave.errors import ByleaveError
from byleave.settings import Limits, Settings

DOCS = Path(__file__).parents[3] / "docs"
REFERENCE = DOCS / "reference"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_cli", DOCS / "generate_cli.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_commands_is_current(generator: ModuleType) -> None:
    current = (REFERENCE / "cli.md").read_text() == generator.page()
    assert current, "run `python docs/generate_cli.py`"


def test_every_command_and_every_option_says_what_it_is_for(generator: ModuleType) -> None:
    found = dict(generator.commands())
    assert {"byleave ingest", "byleave claim add", "byleave copies cover", "byleave apply"} <= set(found)
    for words, command in found.items():
        assert command.help, words
        for parameter in command.params:
            assert parameter.help, f"{words} {parameter.name}"


def test_every_error_stands_on_its_page() -> None:
    page = (REFERENCE / "errors.md").read_text()
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, ByleaveError):
            assert f"| `{kind.__name__}` | {kind.exit_code} | {kind.http_status} |" in page


def test_every_setting_and_every_limit_stands_on_its_page() -> None:
    page = (REFERENCE / "settings.md").read_text()
    for setting in fields(Settings):
        assert setting.name == "limits" or f"| `BYLEAVE_{setting.name.upper()}` |" in page
    for limit in fields(Limits):
        assert f"| `{limit.name}` | {limit.default:,} " in page
