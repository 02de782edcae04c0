"""What the pages of reports call the words of the program."""

from __future__ import annotations

from collections.abc import Mapping

from byleave.consent import Evidence, Preference, Regime, Use

REGIME_WORDS: Mapping[Regime, str] = {
    Regime.OPT_OUT: "where nobody answered, the entry stays",
    Regime.OPT_IN: "where nobody answered, the entry goes",
    Regime.RESEARCH: "nothing goes, everything is reported",
}
USE_WORDS: Mapping[Use, str] = {
    Use.TRAIN_GEN: "training generative models",
    Use.TRAIN_OTHER: "training other models",
    Use.TDM: "text and data mining",
    Use.AI_INPUT: "input to a model",
    Use.AI_INDEX: "search index of an AI system",
    Use.SEARCH: "ordinary search",
}
PREFERENCE_WORDS: Mapping[Preference, tuple[str, str]] = {
    Preference.DENY: ("No", "no"),
    Preference.CONDITIONAL: ("Ask me first", "wait"),
    Preference.ALLOW: ("Yes", "yes"),
    Preference.UNKNOWN: ("No answer", "none"),
}
METHOD_WORDS: Mapping[str, str] = {
    "url": "this very link",
    "prefix": "a path it stands below",
    "host": "its host",
    "domain": "its domain",
    "digest": "this very file",
    "exact": "this very file",
    "pdq": "a copy of the picture",
}
EVIDENCE_WORDS: Mapping[Evidence, str] = {
    Evidence.E0: "not confirmed",
    Evidence.E1: "profile",
    Evidence.E2: "page or path",
    Evidence.E3: "site",
    Evidence.E4: "signed file",
    Evidence.E5: "vouched for",
}
KIND_WORDS: Mapping[str, str] = {
    "unreadable": "The entry could not be read, which counts as no",
    "regime": "Nobody answered, and the regime asks for a yes",
    "unchecked": "It could not be checked, and --unchecked drop was given",
    "signal": "A signal at the place itself",
    "licence": "A licence",
}


def cause_words(cause: Mapping[str, object]) -> str:
    """Say what one cause is, as ``removed.parquet`` and ``report.json`` name it."""
    kind = str(cause["kind"])
    if kind in KIND_WORDS:
        return KIND_WORDS[kind]
    answer = PREFERENCE_WORDS[Preference.parse(str(cause["preference"]))][0]
    return f"{answer}, for {METHOD_WORDS.get(str(cause['method']), 'this entry')}"
