"""What can be asked of a run: what to apply to what, and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from byleave.apply.modes import Mode
from byleave.apply.shard import Unchecked
from byleave.apply.thumbnails import MOST_THUMBNAILS
from byleave.consent import RULES_ALONE, Regime, Standard, Use
from byleave.errors import InputError
from byleave.release.age import AgeLimit
from byleave.storage.objects import ObjectFolder, is_address

REMOVED = "removed.parquet"
WOULD_BE_REMOVED = "would_be_removed.parquet"
MASK = "mask.parquet"
MOST_WORKERS = 256


@dataclass(frozen=True, slots=True)
class ApplyRequest:
    """What to apply to what, and how. Regime and uses are written choices: neither has a default.

    ruleset
        One or more synced folders, see ``byleave sync``. Of several registries the union counts, in which any refusal wins.
    input
        Path of a file or a folder in any form that is known, or the name of a dataset under ``home``.
    fingerprints
        Where the files stand that ``byleave fingerprint`` wrote for this input, or a dataset with them beside its shards.
    unchecked
        What becomes of rows that could not be checked. Asked for only when there are some.
    with_pending
        Whether refusals that are not confirmed yet act as well.
    coverage
        Coverage files, at most one of each registry.
    standard
        What counts beyond the rules: minimum evidence, and a cut-off.
    max_age
        How old each list in force may be; ``None`` for any age.
    mode
        Whether positions are listed, rows are annotated, or rows are taken out.
    workers
        How many processes share the files. What is written does not depend on it.
    since
        The list under which an earlier run wrote the input. Files that lose no further row are then copied as they are.
    thumbnails
        How many small pictures of what is listed ``report.html`` shows at most, where that is allowed: see
        :mod:`byleave.apply.thumbnails`.
    bind
        New folder for the items kept and taken out, which an attestation then names: see :mod:`byleave.apply.binding`.
    """

    ruleset: Path | tuple[Path, ...]
    input: str
    output: Path | ObjectFolder
    regime: Regime
    uses: tuple[Use, ...]
    home: Path
    coverage: Path | tuple[Path, ...] | None = None
    unchecked: Unchecked | None = None
    with_pending: bool = False
    standard: Standard = RULES_ALONE
    max_age: AgeLimit | None = None
    mode: Mode = Mode.FILTER
    workers: int = 1
    since: int | None = None
    fingerprints: Path | ObjectFolder | None = None
    thumbnails: int = 0
    bind: Path | None = None

    def __post_init__(self) -> None:
        if not self.uses or len(set(self.uses)) != len(self.uses):
            raise InputError(
                "what the dataset is for must be said: one or more different uses",
                remedy="pass --use with one of: " + ", ".join(use.value for use in Use),
            )
        if not 1 <= self.workers <= MOST_WORKERS:
            raise InputError(
                f"{self.workers} processes cannot work on a dataset", remedy=f"give 1 to {MOST_WORKERS}"
            )
        if not 0 <= self.thumbnails <= MOST_THUMBNAILS:
            raise InputError(
                f"{self.thumbnails} small pictures cannot be shown", remedy=f"ask for 0 to {MOST_THUMBNAILS}"
            )
        if self.thumbnails and is_address(self.input):
            raise InputError(
                "small pictures are made of files, and the input is objects",
                remedy="leave --thumbnails out, or fetch the dataset first",
            )
        if self.bind is not None:
            self._check_binding()
        if self.since is not None and len(self.rulesets) > 1:
            raise InputError(
                "a number after --since is that of one list, and several registries are named",
                remedy="apply to the whole dataset, without --since",
            )

    def _check_binding(self) -> None:
        if self.mode is not Mode.FILTER or self.regime is Regime.RESEARCH:
            raise InputError(
                "nothing is written that could be bound",
                remedy="bind the entries of a run under --mode filter and a regime other than research",
            )

    @property
    def rulesets(self) -> tuple[Path, ...]:
        """The synced folders."""
        return (self.ruleset,) if isinstance(self.ruleset, Path) else self.ruleset

    @property
    def places(self) -> tuple[Path, ...]:
        """The folders and files of this machine that are written and read."""
        output = (self.output,) if isinstance(self.output, Path) else ()
        source = () if is_address(self.input) else (Path(self.input),)
        return (*output, *source, *self.rulesets)

    @property
    def coverages(self) -> tuple[Path, ...]:
        """The coverage files."""
        return (self.coverage,) if isinstance(self.coverage, Path) else self.coverage or ()

    @property
    def list_name(self) -> str:
        """The file beside the output that lists rows with causes, in the folder of our own."""
        if self.regime is Regime.RESEARCH:
            return WOULD_BE_REMOVED
        return REMOVED if self.mode is Mode.FILTER else MASK
