"""Everything a search finds, as targets of a draft: with clear words where that is more than one choice takes."""

from __future__ import annotations

from typing import Final

from byleave.copies.samples import targets_of_sample
from byleave.errors import InputError
from byleave.registry.drafts import Looked, Source
from byleave.registry.targets import Target
from byleave.web.entries import samples_of
from byleave.web.forms import Form
from byleave.web.questions import read_question, sure_hits
from byleave.web.site import Site
from byleave.web.visitors import Visitor

MOST_HITS: Final = 1_000
_AT_ONCE: Final = 100


def targets_of_results(site: Site, visitor: Visitor, form: Form) -> tuple[list[Target], Looked]:
    """Return the targets of everything that the search in a form's fields finds, and what is noted about it."""
    words, picture, copies, dataset, domain = map(form.text, ("q", "picture", "copies", "dataset", "domain"))
    question = read_question(words, picture, copies, dataset, domain, 1)
    if not question.is_asked:
        raise InputError("nothing was searched for", remedy="search first, then choose")
    names, total = sure_hits(site, visitor, question, MOST_HITS)
    targets = [
        target
        for start in range(0, len(names), _AT_ONCE)
        for sample in samples_of(site.catalog, names[start : start + _AT_ONCE])
        for target in targets_of_sample(sample)
    ]
    problem = remedy = ""
    if total > MOST_HITS:
        problem = f"of {total:,} entries that were found only the first {MOST_HITS:,} were taken"
        remedy = "narrow the search down, or make this choice and search again"
    place = f"the search for “{question.words}”" if question.words else "the search by a picture"
    return targets, Looked(Source.SEARCH, place, len(names), problem, remedy)
