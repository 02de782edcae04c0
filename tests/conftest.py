"""What all tests share: how hard hypothesis looks, where published vectors stand, and an environment without our settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.postgres", "tests.warming", "tests.website"]

ENVIRONMENT = "BYLEAVE_"

settings.register_profile("dev", max_examples=50, deadline=None)  # a busy machine is no fault of the code
# What lands is judged by the same examples each time; whoever runs the tests draws others.
settings.register_profile(
    "ci",
    max_examples=50,
    derandomize=True,
    print_blob=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("nightly", max_examples=5_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("BYLEAVE_HYPOTHESIS", "ci" if os.environ.get("CI") else "dev"))


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test see the developer's own registry."""
    for name in [name for name in os.environ if name.startswith(ENVIRONMENT)]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def vectors() -> Path:
    """Give the folder of vectors that others published; they stand beside the repository, where somebody put them."""
    folder = Path(__file__).parents[2] / "shared" / "vectors"
    if not folder.is_dir():
        pytest.skip(f"published test vectors are not at {folder}")
    return folder
