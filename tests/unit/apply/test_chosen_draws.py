"""Who chooses the checkpoint of a draw: a witness signs the same one anew for whoever asks."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.logs import NOW as LOGGED
from tests.unit.apply.test_auditing import Trainer, audit, draw, keep_everything

from byleave.errors import VerificationError


def test_a_draw_is_tried_until_it_suits_and_whoever_audits_named_another(tmp_path: Path) -> None:
    trainer = Trainer(tmp_path)
    trainer.run()
    keep_everything(trainer)
    signed = trainer.sign(rows={"input": 140, "kept": 120, "removed": 20})
    moments = [draw(signed, now=LOGGED + timedelta(seconds=wait)) for wait in range(60)]
    opened = {note: trainer.open(signed, note, 10) for note in moments}
    caught = {note: bool(audit(trainer, signed, opened[note]).breaches) for note in moments}
    suits, given = (next(note for note in moments if caught[note] is wanted) for wanted in (False, True))
    with pytest.raises(VerificationError, match="another checkpoint than yours"):
        audit(trainer, signed, opened[suits], checkpoint=given)
    assert audit(trainer, signed, opened[given], checkpoint=given).breaches
