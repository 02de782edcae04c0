"""The rules in force, as each release states them: what is refused, held and compared, by which tables, and what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.consent import ALLOW_FROM, DENY_FROM
from byleave.fingerprints import MINIMUM_QUALITY, PICTURE_VERSION, REVIEW_RADIUS, SAME_WORK_RADIUS
from byleave.fingerprints.calibration import CALIBRATION_FILE, calibration, calibration_bytes
from byleave.log import JSON
from byleave.registry.guard_tables import NegativePicture
from byleave.registry.negative import BUILT_IN
from byleave.registry.thresholds import THRESHOLDS
from byleave.release.policy import Logged
from byleave.settings import Limits
from byleave.urls import table_digests


def rules(limits: Limits, negative_lists: Mapping[str, bytes]) -> Mapping[str, JSON]:
    """Return the rules in force, as ``policy.json`` states them and the log names them.

    ``negative_lists`` gives the SHA-256 of each list of pictures that say nothing about whose they are.
    """
    return {
        "allow_from_evidence": int(ALLOW_FROM),
        "calibration": {
            "file": CALIBRATION_FILE,
            "sha256": hashlib.sha256(calibration_bytes()).hexdigest(),
            "figures": calibration(),
        },
        "deny_from_evidence": {kind.value: int(level) for kind, level in DENY_FROM.items()},
        "limits": asdict(limits),
        "negative_lists": {name: digest.hex() for name, digest in sorted(negative_lists.items())},
        "picture": {
            "fingerprint_version": PICTURE_VERSION,
            "minimum_quality": MINIMUM_QUALITY,
            "review_radius": REVIEW_RADIUS,
            "same_work_radius": SAME_WORK_RADIUS,
        },
        "review_from": asdict(THRESHOLDS),
        "tables": dict(table_digests()),
    }


def policy(stated: Mapping[str, JSON], outcomes: Mapping[str, int], logged: Logged) -> Mapping[str, JSON]:
    """Return the content of ``policy.json``: rules, how many claims they keep out, and where the log names them."""
    return {**stated, "outcomes": dict(outcomes), "logged": logged.members()}


def negative_lists(session: Session) -> Mapping[str, bytes]:
    """Return the SHA-256 of each part of the negative list over its 32-byte values, sorted and one after the other.

    The part that ships with Byleave is always named; while it holds nothing, by the SHA-256 of nothing.
    """
    row = NegativePicture
    chosen = sa.select(row.name, row.pdq).order_by(row.name, row.pdq)
    digests = {BUILT_IN: hashlib.sha256()}
    for name, value in session.execute(chosen, execution_options={"yield_per": 10_000}):
        digests.setdefault(name, hashlib.sha256()).update(value)
    return {name: digest.digest() for name, digest in digests.items()}
