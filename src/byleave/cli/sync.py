"""`byleave sync`: fetch and verify the latest published list, look at what it would change, and compile it for this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from byleave.cli.output import now, print_json, say
from byleave.cli.words import word_of
from byleave.errors import InputError

if TYPE_CHECKING:
    from byleave.apply.preview import Preview
    from byleave.consent import Regime, Use
    from byleave.release import Release
    from byleave.release.age import AgeLimit

PREVIEW = ".preview-"
OK = 200


def sync(
    source: str = typer.Argument(help="Folder of releases or web address of one"),
    to: Path = typer.Option(..., "--to", help="Folder that keeps the list"),
    key: list[str] = typer.Option([], help="Verifier key of the registry; told once, remembered"),
    number: int | None = typer.Option(
        None,
        min=1,
        help="Fetch this list instead of the latest, into a folder of its own: to check what was done under it",
    ),
    preview: bool = typer.Option(
        False, "--preview", help="Show what the list would newly drop; change nothing"
    ),
    input_: str | None = typer.Option(None, "--input", help="Dataset to look at: Parquet, folder or name"),
    use: list[str] = typer.Option([], help="What the dataset is for, such as train_gen; may be repeated"),
    regime: str | None = typer.Option(None, help="Where nobody answered: opt_out keeps, opt_in drops"),
    max_drop: str | None = typer.Option(None, help="Stop where it would newly drop more rows, such as 2%"),
    max_age: str | None = typer.Option(None, help="Refuse a list older than this, such as 3d"),
    grace: str | None = typer.Option(None, help="Take it that much longer, with a warning, such as 12h"),
    token: Path | None = typer.Option(
        None,
        help="File with your organisation's key: claimants then read that one more organisation fetched the list",
    ),
    no_standing: bool = typer.Option(
        False, "--no-standing", help="Leave out what receipts are held against: 48 bytes for every claim"
    ),
    json_: bool = typer.Option(False, "--json", help="Print what is held now as JSON"),
) -> None:
    """Bring a folder to the latest published list. A tampered, truncated or older list is refused and the folder stays as it was."""
    from byleave.cli.compiling import tell_of_compiling
    from byleave.log import VerifierKey
    from byleave.release.age import AgeLimit
    from byleave.release.sync import sync as sync_release

    if _can_compile():
        tell_of_compiling()
    age = AgeLimit.parse(max_age, grace) if max_age is not None else None
    dataset = _dataset(input_, use, regime) if preview or max_drop is not None else None
    asked = _Asked(to, dataset, max_drop, age, only_look=preview, json=json_)
    keys = [VerifierKey.parse(one) for one in key]
    try:
        release = sync_release(
            source, to, keys=keys, approve=asked.approve, with_standing=not no_standing, number=number
        )
    except _OnlyLookedError:
        return
    if token is not None:
        _show_key(source, release.number, token)
    _say_held(release, compiled=_compile(release, to), json=json_)


def _say_held(release: Release, *, compiled: bool, json: bool) -> None:
    if json:
        print_json(
            {
                "number": release.number,
                "manifest_sha256": release.manifest_digest.hex(),
                "counts": release.signed.members["counts"],
                "published_at": release.published_at,
                "compiled": compiled,
            }
        )
        return
    say(
        f"holding published list no. {release.number} of {release.origin}, {release.published_at:%Y-%m-%d %H:%M} UTC"
    )
    if not compiled:
        say("verified, not compiled: applying it needs `pip install 'byleave[apply]'`")


class _OnlyLookedError(Exception):
    """A preview was shown, and the list is not to be put in force."""


@dataclass(frozen=True, slots=True)
class _Dataset:
    """What a list is looked at for: the dataset and what it is for."""

    input: str
    uses: tuple[Use, ...]
    regime: Regime


def _dataset(named: str | None, uses: list[str], regime: str | None) -> _Dataset:
    from byleave.consent import Regime, Use

    if named is None or not uses or regime is None:
        raise InputError(
            "a preview needs a dataset and what it is for",
            remedy="pass --input, --regime and --use, as for `byleave apply`",
        )
    words = tuple(word_of(Use, one, "--use") for one in uses)
    return _Dataset(named, words, word_of(Regime, regime, "--regime"))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What has to hold before a list is put in force."""

    to: Path
    dataset: _Dataset | None
    max_drop: str | None
    age: AgeLimit | None
    only_look: bool
    json: bool

    def approve(self, release: Release) -> None:
        from byleave.release.age import check_age

        if self.age is not None and (warning := check_age(release, self.age, now())):
            say(warning)
        if self.dataset is None:
            return
        from byleave.apply.preview import check_share, parse_share

        found = self._preview(release, self.dataset)
        if self.only_look and self.json:
            print_json(found.members())
        elif self.only_look:
            _show(found, release)
        if self.max_drop is not None:
            check_share(found, parse_share(self.max_drop))
        if self.only_look:
            raise _OnlyLookedError

    def _preview(self, release: Release, dataset: _Dataset) -> Preview:
        import shutil
        import tempfile

        from byleave.apply.compiling import compile_ruleset
        from byleave.apply.judging import Terms
        from byleave.apply.preview import preview
        from byleave.apply.ruleset import load_ruleset
        from byleave.apply.run import open_ruleset
        from byleave.apply.sources import find_input
        from byleave.release.sync import CURRENT
        from byleave.settings import Settings

        source = find_input(dataset.input, Settings.from_process().home, with_version=False)
        held = open_ruleset(self.to)[1] if (self.to / CURRENT).exists() else None
        # Only one run at a time is at work here, so what stands here is of runs that were killed.
        for left in self.to.glob(f"{PREVIEW}*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=self.to, prefix=PREVIEW) as folder:
            path = compile_ruleset(release, Path(folder))
            coming = load_ruleset(path, release.number, release.manifest_digest)
            terms = Terms(dataset.uses, now(), with_pending=False)
            return preview(held, coming, source, dataset.regime, terms)


def _show(found: Preview, release: Release) -> None:
    say(
        f"list no. {release.number} would newly drop {found.newly_dropped:,} of {found.rows:,} rows ({found.share:.2%})"
    )
    say(f"and keep {found.newly_kept:,} that the list in force drops")
    for title, counted in (("level", found.levels), ("pseudonym", found.claimants), ("host", found.hosts)):
        for name, rows in counted.most_common(10):
            say(f"  {title:<10} {name or '(none)':<34} {rows:>12,}")
    say("nothing was changed; sync again without --preview to put the list in force")


def _show_key(source: str, number: int, token: Path) -> None:
    """Ask once more for the manifest of the list that was fetched, under a key, which the registry counts."""
    from byleave.cli.applied import key_in
    from byleave.fetch import Client, FetchLimits
    from byleave.release.manifest import MANIFEST, MAX_MANIFEST_BYTES
    from byleave.release.sources import is_web_address

    if not is_web_address(source):
        raise InputError("a key is for a web address", remedy="leave --token out for a folder")
    client = Client(FetchLimits(MAX_MANIFEST_BYTES), private_addresses=True)  # the caller named it herself
    try:
        address = f"{source.rstrip('/')}/{number}/{MANIFEST}"
        seen = client.look(address, headers={"Authorization": f"API {key_in(token)}"})
    finally:
        client.close()
    if seen.status != OK:
        say(f"the list is here, but the registry did not take the key: HTTP {seen.status}")


def _can_compile() -> bool:
    from importlib.util import find_spec

    return find_spec("numba") is not None and find_spec("pyarrow") is not None


def _compile(release: Release, folder: Path) -> bool:
    """Compile the list where the extra is installed; the light core verifies and keeps it all the same."""
    if not _can_compile():
        return False
    from byleave.apply.compiling import compile_ruleset

    compile_ruleset(release, folder)
    return True
