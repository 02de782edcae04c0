"""A gate before training: a dataset passes only where its attestation verifies, names these very files, and says what a policy asks for.

Every check is made and told, so that one look shows all that is wrong. Fail closed: what cannot be read has failed. Light.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from byleave.consent import Regime
from byleave.errors import ByleaveError, UnfitError
from byleave.log import Policy
from byleave.log.envelopes import MAX_ENVELOPE_BYTES
from byleave.release.age import words_of
from byleave.release.attestations import Attestation, open_attestation
from byleave.release.attested import ATTESTATION_PATH, compare_input, compare_output
from byleave.release.file_lists import spread_inputs
from byleave.release.fulfilling import Doing, refuse_broken
from byleave.release.gate_policy import GatePolicy
from byleave.release.pledges import Pledge
from byleave.release.reported import differs_from_report
from byleave.release.statements import open_statement
from byleave.release.terms_said import is_as_careful, moment
from byleave.storage import read_at_most

FILTER: Final = "filter"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: its name, whether it holds, and in words what was found."""

    name: str
    holds: bool
    found: str


@dataclass(frozen=True, slots=True)
class Asking:
    """A dataset at the gate, with the place of what it was made from and the file of its pledge, where they are at hand."""

    folder: Path
    policy: GatePolicy
    now: datetime
    source: Path | None = None
    pledge: Path | None = None


def gate(asking: Asking) -> tuple[Check, ...]:
    """Make every check of a policy; the dataset passes if all of them hold."""
    try:
        path = asking.folder / ATTESTATION_PATH
        content = read_at_most(path, MAX_ENVELOPE_BYTES, remedy="sign it with `byleave attest sign`")
        opened = open_attestation(content, asking.policy.keys)
    except ByleaveError as error:
        return (Check("attestation", False, f"{error.problem}; {error.remedy}"),)
    said = opened.said
    signers = ", ".join(key.name for key in opened.signers)
    first = Check("attestation", True, f"signed by {signers}, SHA-256 {opened.sha256.hex()}")
    return (first, *(_made(name, check, said, asking) for name, check in CHECKS.items()))


def _made(name: str, check: Callable[[Attestation, Asking], str], said: Attestation, asking: Asking) -> Check:
    try:
        return Check(name, True, check(said, asking))
    except _DoesNotHoldError as error:
        return Check(name, False, str(error))
    except ByleaveError as error:
        return Check(name, False, error.problem)
    except OSError as error:
        return Check(name, False, f"{error.filename}: {error.strerror}")
    except (ValueError, TypeError) as error:
        why = f": {error}" if isinstance(error, UnfitError) else ""
        return Check(name, False, f"what it says of this cannot be read{why}")


class _DoesNotHoldError(Exception):
    """A check that does not hold, in words; it never leaves this module."""


def _need(holds: bool, words: str, asked: str = "") -> str:  # noqa: FBT001 - the one value it is about
    """Return what was found; where it does not hold, with what was asked for."""
    if not holds:
        raise _DoesNotHoldError(f"{words}; {asked}" if asked else words)
    return words


def _log(said: Attestation, asking: Asking) -> str:
    policy = Policy.of_keys(asking.policy.registry_keys)
    held = [one.check_log(policy).checkpoint for one in said.applied_lists]
    words = "; ".join(f"{one.origin}, {one.size:,} entries" for one in held)
    return _need(len(held) == len(said.lists), words, "the logs of further lists are not named")


def _output(said: Attestation, asking: Asking) -> str:
    compared = compare_output(said, asking.folder)
    return _need(compared.same, compared.sentence or f"{asking.folder} is what was named")


def _report(said: Attestation, asking: Asking) -> str:
    differing = differs_from_report(said, asking.folder)
    words = f"it says something else of {', '.join(differing)}" if differing else "it says what the run found"
    return _need(not differing, words)


def _source(said: Attestation, asking: Asking) -> str:
    if asking.source is None:
        # A run that took nothing out of the files leaves the choice of rows to whoever reads them: then they are what is trained on.
        wanted = asking.policy.source or said.mode != FILTER
        return _need(not wanted, "the files it was made from were not looked at", "name them with --input")
    compared = compare_input(said, asking.source, output=asking.folder)
    return _need(compared.same, compared.sentence or f"{asking.source} is what was named")


def _age(said: Attestation, asking: Asking) -> str:
    frozen = said.request.get("as_of")
    oldest = min(said.lists, key=lambda one: one.published_at)
    heard = oldest.published_at
    if frozen is not None:
        heard = min(heard, moment(said.request, "as_of"))
    age = asking.now - heard
    words = f"list no. {oldest.name.number} of {oldest.origin} knows what was said until {words_of(age)} ago"
    most = asking.policy.max_age
    return _need(age <= most, words, f"at most {words_of(most)} are allowed")


def _regime(said: Attestation, asking: Asking) -> str:
    # Research takes nothing out, so a gate lets it through only where its policy says so by name.
    asked = f"{_listed(one.value for one in asking.policy.regimes)} is asked for"
    return _need(said.regime in asking.policy.regimes, said.regime.value, asked)


def _mode(said: Attestation, asking: Asking) -> str:
    return _need(said.mode in asking.policy.modes, said.mode, f"{_listed(asking.policy.modes)} is asked for")


def _uses(said: Attestation, asking: Asking) -> str:
    missing = [use.value for use in asking.policy.uses if use not in said.uses]
    named = ", ".join(use.value for use in said.uses)
    return _need(not missing, f"applied for {named}" + (f", not for {', '.join(missing)}" if missing else ""))


def _evidence(said: Attestation, asking: Asking) -> str:
    minimum = asking.policy.minimum
    words = (
        f"deny from {said.minimum.deny.name}, conditional from {said.minimum.conditional.name}, "
        f"allow from {said.minimum.allow.name}"
    )
    if minimum is None:
        return words
    asked = f"at most deny from {minimum.deny.name} and conditional from {minimum.conditional.name}, at least allow from {minimum.allow.name} is asked for"
    return _need(is_as_careful(said.minimum, minimum), words, asked)


def _coverage(said: Attestation, asking: Asking) -> str:
    manifest, seen = said.coverage_sha256, said.found.get("fingerprints")
    printed = seen.get("fingerprinted") if isinstance(seen, Mapping) else None
    by = [f"the coverage {manifest}"] if manifest else []
    by += [f"{printed:,} fingerprints"] if isinstance(printed, int) and printed > 0 else []
    words = f"pictures compared by {' and '.join(by)}" if by else "no coverage and no fingerprints were used"
    return _need(bool(by) or not asking.policy.coverage, words, "one of them is asked for")


def _unchecked(said: Attestation, asking: Asking) -> str:
    found = said.found.get("unchecked")
    rows = found.get("rows") if isinstance(found, Mapping) else None
    if not isinstance(rows, int):
        raise _DoesNotHoldError("it does not say how many rows could not be checked")
    # Under opt_in they go like all others that nobody answered for; under research nothing goes.
    dropped = said.request.get("unchecked") == "drop" and said.regime is not Regime.RESEARCH
    kept = 0 if dropped or said.regime is Regime.OPT_IN else rows
    most = asking.policy.most_unchecked
    words = f"{kept:,} rows stayed that could not be checked"
    return _need(most is None or kept <= most, words, f"at most {most or 0:,} are allowed")


def _pledge(said: Attestation, asking: Asking) -> str:
    words = f"names the pledge {said.pledge.hex()}" if said.pledge else "no pledge is named"
    if asking.pledge is None:
        return _need(bool(said.pledge) or not asking.policy.pledge, words, "one is asked for")
    content = read_at_most(asking.pledge, MAX_ENVELOPE_BYTES, remedy="name the file of the pledge")
    opened = open_statement(content, asking.policy.keys).read(Pledge.parse)
    _need(said.pledge == opened.sha256, words, f"{asking.pledge} is {opened.sha256.hex()}")
    refuse_broken(opened.said, Doing.of(said, spread_inputs(said.inputs, asking.folder)))
    return f"fulfils the pledge {opened.sha256.hex()}"


def _dataset(said: Attestation, asking: Asking) -> str:
    names = asking.policy.datasets
    return _need(not names or said.dataset in names, said.dataset, f"{_listed(names)} is asked for")


def _listed(names: Iterable[str]) -> str:
    return " or ".join(names)


CHECKS: Final[Mapping[str, Callable[[Attestation, Asking], str]]] = {
    "log": _log,
    "dataset": _dataset,
    "output": _output,
    "report": _report,
    "source": _source,
    "age": _age,
    "regime": _regime,
    "mode": _mode,
    "uses": _uses,
    "evidence": _evidence,
    "coverage": _coverage,
    "unchecked": _unchecked,
    "pledge": _pledge,
}
"""Every check by its name, in the order in which they are told."""
