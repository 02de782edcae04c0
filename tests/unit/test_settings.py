"""Settings are read once, and what cannot be used is said at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from byleave.errors import InputError
from byleave.settings import DEFAULT_ORIGIN, Settings


def test_without_any_variable_everything_has_a_default() -> None:
    settings = Settings.from_env({"PATH": "/bin"})
    assert settings == Settings(home=Path.cwd() / "byleave-data")
    assert (settings.origin, settings.thumbnails, settings.remote_pictures) == (DEFAULT_ORIGIN, True, False)


def test_every_variable_is_read() -> None:
    settings = Settings.from_env(
        {
            "BYLEAVE_HOME": "/srv/byleave",
            "BYLEAVE_DATABASE_URL": "postgresql://somewhere/registry",
            "BYLEAVE_ORIGIN": "registry.example.org/log",
            "BYLEAVE_REMOTE_PICTURES": "On",
            "BYLEAVE_THUMBNAILS": "no",
            "BYLEAVE_ALLOWED_HOSTS": "Byleave.example.org, ,other.example",
        }
    )
    assert settings == Settings(
        home=Path("/srv/byleave"),
        database_url="postgresql://somewhere/registry",
        origin="registry.example.org/log",
        remote_pictures=True,
        thumbnails=False,
        allowed_hosts=("byleave.example.org", "other.example"),
    )


@pytest.mark.parametrize(
    "name", ["HOME", "DATABASE_URL", "ORIGIN", "REMOTE_PICTURES", "THUMBNAILS", "ALLOWED_HOSTS"]
)
def test_an_empty_variable_is_one_that_is_not_set(name: str) -> None:
    assert Settings.from_env({f"BYLEAVE_{name}": ""}) == Settings.from_env({})


def test_unknown_variables_are_refused_by_name_for_they_are_likely_misspelt() -> None:
    with pytest.raises(InputError, match="BYLEAVE_DATBASE_URL, BYLEAVE_HOMES"):
        Settings.from_env({"BYLEAVE_HOMES": "a", "BYLEAVE_DATBASE_URL": "b", "BYLEAVE_HOME": "c"})


def test_all_variables_that_cannot_be_used_are_named_at_once() -> None:
    with pytest.raises(InputError) as refused:
        Settings.from_env(
            {"BYLEAVE_THUMBNAILS": "maybe", "BYLEAVE_REMOTE_PICTURES": "2", "BYLEAVE_ORIGIN": "a b"}
        )
    assert all(name in refused.value.problem for name in ("THUMBNAILS", "REMOTE_PICTURES", "ORIGIN"))


@pytest.mark.parametrize(
    "origin", ["my registry", "a+b", "https://a.example", "A.example", "a.example/", "a.example\n", "é"]
)
def test_an_origin_that_could_not_stand_in_a_signature_is_refused(origin: str) -> None:
    with pytest.raises(InputError, match="ORIGIN"):
        Settings.from_env({"BYLEAVE_ORIGIN": origin})
