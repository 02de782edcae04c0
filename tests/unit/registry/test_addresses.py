"""How a database is named: sockets with paths the kernel takes, URLs whose passwords stay unsaid."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.errors import InputError
from byleave.registry.database import url_parameters
from byleave.registry.embedded import Address, find_server
from byleave.registry.postmaster import SOCKET_PATH_BYTES, socket_fits


def test_a_socket_path_fits_up_to_the_limit_of_the_kernel() -> None:
    name = "/.s.PGSQL.5432"
    longest = "/" + "x" * (SOCKET_PATH_BYTES - len(name) - 1)
    assert socket_fits(Path(longest))
    assert not socket_fits(Path(longest + "x"))


def test_the_limit_counts_bytes() -> None:
    assert not socket_fits(Path("/" + "é" * 60))


@pytest.mark.parametrize("sign", [",", '"', "\n"])
def test_signs_that_split_a_list_of_folders_do_not_fit(sign: str) -> None:
    assert not socket_fits(Path(f"/a{sign}b"))


def test_an_address_does_not_show_its_password() -> None:
    address = Address(Path("/run/x"), "hunter2")
    assert "hunter2" not in repr(address)
    assert address.parameters()["password"] == "hunter2"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_database_url_is_read_by_its_parts(scheme: str) -> None:
    parts = url_parameters(f"{scheme}://mara:p%40ss@db.example:5433/registry?sslmode=require")
    assert parts == {
        "user": "mara",
        "password": "p@ss",
        "host": "db.example",
        "port": "5433",
        "dbname": "registry",
        "sslmode": "require",
    }


@pytest.mark.parametrize("url", ["sqlite:///x?hunter2", "hunter2", "postgresql://u:hunter2@h/x?nonsense=1"])
def test_what_is_no_database_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InputError) as refused:
        url_parameters(url)
    assert "hunter2" not in str(refused.value)


@given(st.text())
def test_any_text_is_read_or_refused(url: str) -> None:
    with suppress(InputError):
        assert isinstance(url_parameters(url), dict)


def test_looking_for_a_server_makes_nothing(tmp_path: Path) -> None:
    assert find_server(tmp_path / "home") is None
    assert list(tmp_path.iterdir()) == []
