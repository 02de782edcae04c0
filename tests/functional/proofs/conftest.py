"""Fixtures: strangers' servers for a module, empty for each test, and what looks are made with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from tests.strangers import Strangers, strangers

if TYPE_CHECKING:
    from byleave.registry.checking import Checks
    from byleave.settings import Settings


@pytest.fixture(scope="module")
def _servers() -> Iterator[Strangers]:
    with strangers() as world:
        yield world


@pytest.fixture
def world(_servers: Strangers) -> Strangers:
    """Give strangers' servers with nothing on them."""
    _servers.forget()
    return _servers


@pytest.fixture
def checks(world: Strangers, registry_settings: Settings) -> Checks:
    return world.checks(registry_settings)
