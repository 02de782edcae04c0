"""Looking at the places that proofs name: name servers, pages, profiles, sign-ins, files. What is found is told, never repeated."""

from byleave.registry.checking.checks import Checks, checks_for

__all__ = ["Checks", "checks_for"]
