"""``byleave search``: find entries of datasets by words, by a picture, or by both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from byleave.errors import InputError
from byleave.settings import Limits, Settings

if TYPE_CHECKING:
    from byleave.catalog import Answer, Hit, Query

KIND_TEXT = {
    "exact": "the same file",
    "copy": "a copy",
    "lookalike": "looks alike",
    "words": "by words",
}


def search(
    words: Annotated[str | None, typer.Argument(help="Words of a caption, a creator or a tag")] = None,
    *,
    image: Annotated[Path | None, typer.Option(help="A picture to look for, with its copies")] = None,
    dataset: Annotated[list[str] | None, typer.Option(help="Search only here; may be repeated")] = None,
    domain: Annotated[
        str | None, typer.Option(help="Only entries on this domain and the hosts below it")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Entries to show")] = 20,
    offset: Annotated[int, typer.Option(min=0, help="Entries to pass over")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line")] = False,
) -> None:
    """Search the datasets of the catalog by words, by a picture, or by both."""
    from byleave.catalog import Catalog, Page

    settings = Settings.from_process()
    query = query_from(words, image, settings.limits)
    catalog = Catalog(settings.home, limits=settings.limits)
    page = Page(limit=limit, offset=offset, datasets=tuple(dataset or ()), domain=domain)
    answer = catalog.search(query, page)
    for hit in answer.hits:
        typer.echo(json.dumps(hit_to_json(hit), ensure_ascii=False) if as_json else hit_to_text(hit))
    typer.echo(summary(answer), err=True)


def query_from(words: str | None, image: Path | None, limits: Limits) -> Query:
    """Build the query that the arguments ask for."""
    from byleave.catalog import BothQuery, PictureQuery, WordsQuery

    encoded = read_picture_file(image, limits) if image is not None else None
    match (words, encoded):
        case (str(), None):
            return WordsQuery(words)
        case (None, bytes()):
            return PictureQuery(encoded)
        case (str(), bytes()):
            return BothQuery(words, encoded)
        case _:
            raise InputError(
                "there is nothing to search for", remedy="give words, or a picture by `--image FILE`"
            )


def read_picture_file(path: Path, limits: Limits) -> bytes:
    """Read a picture from disk, up to the limit."""
    try:
        with path.open("rb") as file:
            encoded = file.read(limits.picture_bytes + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", remedy="check the path") from error
    if len(encoded) > limits.picture_bytes:
        raise InputError(
            f"{path} has more than {limits.picture_bytes} bytes", remedy="give a smaller picture"
        )
    return encoded


def hit_to_json(hit: Hit) -> dict[str, object]:
    """Write a hit with stable names; keys in hex."""
    return {
        "kind": hit.kind.value,
        "dataset": hit.dataset,
        "sample_key": hit.sample_key.hex(),
        "item_id": hit.item_id.hex(),
        "url": hit.url,
        "host": hit.host,
        "caption": hit.caption,
        "distance": hit.distance,
        "score": hit.score,
        "width": hit.width,
        "height": hit.height,
        "has_thumbnail": hit.has_thumbnail,
    }


def hit_to_text(hit: Hit) -> str:
    """Say in one line what was found, how and where."""
    how = KIND_TEXT[hit.kind.value]
    near = f", {hit.distance} of 256 bits differ" if hit.distance else ""
    caption = " ".join((hit.caption or "no caption").split())[:100]
    where = hit.url or "no link"
    return f"{hit.dataset}  {hit.sample_key.hex()}  {how}{near}  {caption}  {where}"


def summary(answer: Answer) -> str:
    """Say how many there are, or what an empty answer does not mean."""
    if not answer.total:
        return answer.empty_text
    return f"{len(answer.hits):,} of {answer.total:,} entries, in {', '.join(answer.searched)}"
