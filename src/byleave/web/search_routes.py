"""The search page: words, a picture, the copies of an entry."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from byleave.registry.permissions import Act
from byleave.web.asked_pictures import read_asked_picture
from byleave.web.forms import CheckedForm
from byleave.web.questions import answer, read_question, without_picture
from byleave.web.rendering import go, page
from byleave.web.rules import OpenToAll
from byleave.web.site import TheSite
from byleave.web.visitors import TheVisitor

router = APIRouter(dependencies=[Depends(OpenToAll(Act.SEARCH))], include_in_schema=False)


@router.get("/")
def search(
    request: Request,
    site: TheSite,
    visitor: TheVisitor,
    q: str = "",
    picture: str = "",
    copies: str = "",
    dataset: str = "",
    domain: str = "",
) -> Response:
    """Show the search, and its answer when something was asked."""
    number = request.query_params.get("page", "1")
    question = read_question(
        q, picture, copies, dataset, domain, int(number) if number.isdecimal() and len(number) < 6 else 0
    )
    datasets = site.catalog.datasets()
    if not question.is_asked:
        return page(request, site, visitor, "home.html", datasets=datasets, question=question)
    results = answer(site, visitor, question)
    return page(
        request,
        site,
        visitor,
        "results.html",
        datasets=datasets,
        question=question,
        results=results,
        by_words_alone=without_picture(question).address(),
    )


@router.post("/search/picture")
async def search_picture(site: TheSite, visitor: TheVisitor, form: CheckedForm) -> Response:
    """Take a picture to search with; it stays in memory, and the answer has an address that can be paged and reloaded."""
    asked = await run_in_threadpool(read_asked_picture, form.picture, form.picture_name, site.settings.limits)
    token = site.asked_pictures.keep(visitor.id, asked)
    question = read_question(form.text("q"), token, "", form.text("dataset"), form.text("domain"), 1)
    return go(question.address())
