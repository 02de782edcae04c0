"""What a gate asks for: a TOML file that says whose attestations count and what they must say. Light."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self

from byleave.consent import Regime, Standard, Use
from byleave.errors import FormatError, InputError, UnfitError, as_format_error
from byleave.log import VerifierKey
from byleave.release.age import AgeLimit
from byleave.release.terms_said import minimum_of, one_of

MAX_POLICY_BYTES: Final = 262_144
MODES: Final = ("mask", "annotate", "filter")
NEEDED: Final = frozenset({"keys", "registry_keys", "regimes", "uses", "max_age"})
OPTIONAL: Final = frozenset(
    {"modes", "minimum_evidence", "coverage", "most_unchecked", "source", "pledge", "datasets"}
)
_REMEDY: Final = "see docs/reference/attestation.md for what a gate's policy may hold"


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """What must hold.

    keys, registry_keys
        Whose attestations count, and whose lists and logs.
    regimes, uses, modes
        Each run's regime and mode must be among these, and its uses must hold all of these.
    max_age
        How old the list applied may be: since it was published, or since the cut-off that the run froze.
    minimum
        A run must have been at least as careful: no more evidence asked for a no, no less for a yes.
    coverage
        Whether pictures must have been compared, by a coverage file or by fingerprints; of how many rows is for ``most_unchecked`` to say.
    most_unchecked
        Rows that may have stayed though they could not be checked; ``None`` for any number.
    source
        Whether the files from which the dataset was made must be at hand and be those that were named.
    pledge
        Whether it must fulfil a pledge.
    datasets
        Names that are let in; empty for any.
    """

    keys: tuple[VerifierKey, ...]
    registry_keys: tuple[VerifierKey, ...]
    regimes: tuple[Regime, ...]
    uses: tuple[Use, ...]
    max_age: timedelta
    modes: tuple[str, ...] = ("filter",)
    minimum: Standard | None = None
    coverage: bool = False
    most_unchecked: int | None = 0
    source: bool = False
    pledge: bool = False
    datasets: tuple[str, ...] = ()

    @classmethod
    def parse(cls, content: bytes, name: str = "the policy") -> Self:
        """Read a policy; errors call it by its ``name``.

        Raises
        ------
        FormatError
            If it is no TOML, lacks something, or holds something that has no meaning: nothing is passed over.
        """
        if len(content) > MAX_POLICY_BYTES:
            raise FormatError(f"{name} has more than {MAX_POLICY_BYTES} bytes", remedy=_REMEDY)
        with as_format_error(f"{name} cannot be used", remedy=_REMEDY):
            said = _read_toml(content)
            missing, unknown = NEEDED - said.keys(), said.keys() - NEEDED - OPTIONAL
            if missing or unknown:
                raise UnfitError(
                    "; ".join(
                        [f"{member} is missing" for member in sorted(missing)]
                        + [f"{member} means nothing here" for member in sorted(unknown)]
                    )
                )
            return cls._read(said)

    @classmethod
    def _read(cls, said: Mapping[str, Any]) -> Self:
        modes = _words(said, "modes", ("filter",))
        if not set(modes) <= set(MODES):
            raise UnfitError(f"modes are of {', '.join(MODES)}")
        most = said.get("most_unchecked", 0)
        if most != "any" and (not isinstance(most, int) or isinstance(most, bool) or most < 0):
            raise UnfitError('most_unchecked is a count, or "any"')
        return cls(
            keys=tuple(VerifierKey.parse(key) for key in _words(said, "keys")),
            registry_keys=tuple(VerifierKey.parse(key) for key in _words(said, "registry_keys")),
            regimes=tuple(one_of(Regime, word, "regimes") for word in _words(said, "regimes")),
            uses=tuple(one_of(Use, word, "uses") for word in _words(said, "uses")),
            max_age=_span(said["max_age"]),
            modes=modes,
            minimum=_minimum(said.get("minimum_evidence")),
            coverage=_switch(said, "coverage"),
            most_unchecked=None if most == "any" else most,
            source=_switch(said, "source"),
            pledge=_switch(said, "pledge"),
            datasets=_words(said, "datasets", ()),
        )


def _read_toml(content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode())
    except tomllib.TOMLDecodeError as error:
        place = str(error).rpartition("(at ")[2].removesuffix(")")
        raise UnfitError(f"it is not TOML, or says something twice, at {place}") from error


def _span(text: Any) -> timedelta:
    try:
        return AgeLimit.parse(text).limit
    except (InputError, TypeError) as error:
        raise UnfitError('max_age is a span of time in quotes, such as "30d", "12h" or "30m"') from error


def _minimum(members: Any) -> Standard | None:
    if members is not None and not isinstance(members, dict):
        raise UnfitError('minimum_evidence is a table such as {deny = "E0", allow = "E2"}')
    return minimum_of(members) if members is not None else None


def _words(said: Mapping[str, Any], name: str, usual: tuple[str, ...] | None = None) -> tuple[str, ...]:
    if usual is not None and name not in said:
        return usual
    words = said[name]
    if not isinstance(words, list) or not words or not all(isinstance(one, str) for one in words):
        raise UnfitError(f"{name} is a list of one or more texts")
    return tuple(words)


def _switch(said: Mapping[str, Any], name: str) -> bool:
    value = said.get(name, False)
    if not isinstance(value, bool):
        raise UnfitError(f"{name} is true or false")
    return value
