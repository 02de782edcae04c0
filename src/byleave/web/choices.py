"""A new choice: what somebody wants to say about which pictures, what that would cover, and how it is filed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from byleave.catalog import Catalog, Sample
from byleave.consent import PRESETS, Preferences, TargetKind, Use
from byleave.copies.guard import guarded
from byleave.copies.samples import targets_of_sample
from byleave.errors import FormatError, InputError
from byleave.fingerprints import SAME_WORK_RADIUS, ClaimedPicture
from byleave.publish.receipts import Acknowledged, file_all_with_receipts
from byleave.publish.releases import last_published
from byleave.registry.events import last_number
from byleave.registry.filing import Filing, NewClaim
from byleave.registry.jobs import defer
from byleave.registry.legal_acts import split_by_act
from byleave.registry.repeating import refuse_repeated
from byleave.registry.sign_in import SignedIn
from byleave.registry.targets import Target, picture_target, url_target
from byleave.web.answers import read_mix
from byleave.web.asked_pictures import AskedPicture
from byleave.web.entries import Card, EntryName, Shower, cards_of_copies, samples_of
from byleave.web.site import Site

MOST_AT_ONCE: Final = 100
SHOWN_COPIES: Final = 6
PUBLISH: Final = "publish"
"""Name of the job that makes the next published list."""

OWN_MIX: Final = "mix"
"""The answer that is made of six, one for each use."""

FIRST_ANSWER: Final = "no_training"


class Fields(Protocol):
    """Fields of a form or an address."""

    def text(self, name: str) -> str: ...
    def texts(self, name: str) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody is about to say, as forms and addresses carry it.

    answer
        A preset's name, or :data:`OWN_MIX`.
    mix
        Six answers for :data:`OWN_MIX`; else those of the preset.
    about
        Whose work it is, where an organisation says it for somebody who has no account here; never published.
    publish_values
        Whether links and match codes may stand in the published list as they are.
    """

    entries: tuple[EntryName, ...] = ()
    picture: str = ""
    links: tuple[str, ...] = ()
    answer: str = FIRST_ANSWER
    mix: Preferences = PRESETS[FIRST_ANSWER]
    terms: str = ""
    contact: str = ""
    about: str = ""
    publish_values: bool = False

    @property
    def subject_fields(self) -> list[tuple[str, str]]:
        """The fields that say what it is about."""
        fields = [("entry", str(name)) for name in self.entries]
        fields += [("picture", self.picture)] * bool(self.picture)
        return fields + [("link", link) for link in self.links]

    def address(self) -> str:
        """Return the address of the page that shows this choice before it is filed: it survives signing in."""
        fields = [*self.subject_fields, ("answer", self.answer)]
        if self.answer == OWN_MIX:
            fields += [(use.value, self.mix.for_use(use).word) for use in Use]
        fields += [("terms", self.terms), ("contact", self.contact), ("about", self.about)]
        fields += [("publish_values", "yes")] * self.publish_values
        return "/choices/new?" + urlencode([(name, value) for name, value in fields if value])


def read_wish(fields: Fields) -> Wish:
    """Read a choice from the fields of a form or an address.

    Raises
    ------
    InputError
        If it names too much, or what cannot be read.
    """
    entries = tuple(dict.fromkeys(EntryName.parse(text) for text in fields.texts("entry")))
    links = tuple(dict.fromkeys(link for text in fields.texts("link") for link in text.split()))
    if len(entries) + len(links) > MOST_AT_ONCE:
        raise InputError(
            f"that is more than {MOST_AT_ONCE} pictures at once",
            remedy="choose fewer, and the others after that",
        )
    answer = fields.text("answer") or FIRST_ANSWER
    if answer != OWN_MIX and answer not in PRESETS:
        raise InputError("there is no such answer", remedy="choose one of those on the page")
    return Wish(
        entries,
        fields.text("picture"),
        links,
        answer,
        read_mix(fields) if answer == OWN_MIX else PRESETS[answer],
        fields.text("terms"),
        fields.text("contact"),
        fields.text("about"),
        publish_values=bool(fields.text("publish_values")),
    )


@dataclass(frozen=True, slots=True)
class Found:
    """Copies of one picture in one dataset today."""

    dataset: str
    as_of: datetime
    total: int
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Subject:
    """One picture or link a choice is about; it becomes one claim, so that it can be undone alone.

    preview
        Address of a picture to show, if there is one.
    is_flat
        Whether its picture is too plain to be told from others by its match code.
    """

    title: str
    detail: str
    preview: str | None
    targets: tuple[Target, ...]
    found: tuple[Found, ...] = ()
    is_flat: bool = False

    @property
    def covers(self) -> tuple[str, ...]:
        """What it covers, in words."""
        kinds = {target.kind for target in self.targets}
        words = {
            TargetKind.PICTURE: "this picture and its copies, wherever they stand",
            TargetKind.DIGEST: "this exact file",
            TargetKind.URL: "this link",
        }
        return tuple(said for kind, said in words.items() if kind in kinds)


def subjects_of(
    catalog: Catalog, shower: Shower, wish: Wish, asked: AskedPicture | None
) -> tuple[Subject, ...]:
    """Return what a wish is about; ``asked`` is the uploaded picture it names."""
    found = [_entry(catalog, shower, sample) for sample in samples_of(catalog, wish.entries)]
    if asked is not None:
        found.append(_picture(catalog, shower, asked))
    return (*found, *(_link(link) for link in wish.links))


def file_wish(
    site: Site, wish: Wish, subjects: Sequence[Subject], *, person: SignedIn, once: bool = False
) -> tuple[Acknowledged, ...]:
    """File one claim for each subject and legal act, past the guard, and ask for the next published list, all in one transaction.

    When this returns, the claims are in the public log, and each comes with its receipt.

    Raises
    ------
    FiledBeforeError
        With ``once``, if all this is what the account said last.
    """
    if not subjects:
        raise InputError("nothing was chosen", remedy="choose a picture first")
    filings = [
        Filing(
            NewClaim(
                preferences,
                subject.targets,
                terms=wish.terms or None,
                contact=wish.contact or None,
                about=wish.about or None,
                publish_values=wish.publish_values,
                act=act,
            ),
            person.account,
        )
        for subject in subjects
        for act, preferences in split_by_act(wish.mix)
    ]
    at = site.clock()

    def guard(session: Session, filings: Sequence[Filing]) -> Sequence[Filing]:
        if once:
            refuse_repeated(session, filings)
        return guarded(site.catalog, session, filings, who=person.who, at=at)

    return file_all_with_receipts(
        site.database, site.settings, filings, who=person.who, at=at, guard=guard, also=ask_for_list
    )


def choice_named(text: str) -> bytes:
    """Return the id by which an address or a form names a choice; of what can be none, an id that no choice has."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def ask_for_list(session: Session) -> None:
    """Have the next published list made once this transaction is stored."""
    defer(session, PUBLISH, lock=PUBLISH, queueing_lock=PUBLISH)


def catch_up(session: Session) -> None:
    """Ask for the list that is due, if the one that should have carried the last events was never made."""
    last = last_published(session)
    if last_number(session) > (last[0] if last else 0):
        ask_for_list(session)


def _entry(catalog: Catalog, shower: Shower, sample: Sample) -> Subject:
    card = shower.card_of_sample(sample)
    targets = targets_of_sample(sample)
    pictures = [
        ClaimedPicture.parse(target.value)
        for target in targets
        if target.kind is TargetKind.PICTURE and target.value
    ]
    flat = any(picture.is_flat for picture in pictures)
    if flat and len(targets) > len(pictures):
        # Its link and its file can act at once; the match code alone would hold the whole choice for review.
        targets = tuple(target for target in targets if target.kind is not TargetKind.PICTURE)
        pictures = []
    return Subject(
        card.caption or card.host or "An entry without a caption",
        card.host,
        card.picture,
        targets,
        tuple(found for picture in pictures for found in _found(catalog, shower, picture)),
        is_flat=flat,
    )


def _picture(catalog: Catalog, shower: Shower, asked: AskedPicture) -> Subject:
    flat = asked.claimed.is_flat
    return Subject(
        asked.name or "Your picture",
        f"{asked.picture.width} × {asked.picture.height} pixels",
        asked.preview,
        (picture_target(asked.claimed, asked.name or None),),
        () if flat else tuple(_found(catalog, shower, asked.claimed)),
        is_flat=flat,
    )


def _link(link: str) -> Subject:
    target = url_target(link)
    if target.value is None:
        raise FormatError(
            f"{link[:80]!r} is not a link", remedy="write it like https://example.com/picture.jpg"
        )
    return Subject(target.value, "a link", None, (target,))


def _found(catalog: Catalog, shower: Shower, picture: ClaimedPicture) -> Iterator[Found]:
    for info in catalog.datasets():
        copies = catalog.copies_of(picture, info.name, SAME_WORK_RADIUS)
        cards = cards_of_copies(catalog, shower, info.name, copies[:SHOWN_COPIES])
        yield Found(info.name, info.as_of, len(copies), tuple(cards))
