"""Pages: Jinja templates with automatic escaping, what every page knows, and plain words for dates and numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from byleave.consent import PRESETS, Preference, Preferences, Use
from byleave.errors import ByleaveError
from byleave.registry.rates import TooOftenError
from byleave.registry.repeating import FiledBeforeError
from byleave.web.figures import device_figures, percent
from byleave.web.proof_pages import LEVEL_WORDS
from byleave.web.rules import SignInNeededError
from byleave.web.site import Site, site_of
from byleave.web.small_copies import COPY_BYTES
from byleave.web.visitors import TOKEN_FIELD, Visitor, known_visitor, remember_visitor

SEE_OTHER: Final = 303
API: Final = "/api/"

ANSWERS: Final = {
    "no_training": "No AI training",
    "no_ai": "No AI use at all",
    "ask_first": "Ask me first",
    "yes": "Yes",
}
"""The presets by the words pages use."""

USE_WORDS: Final = {
    Use.TRAIN_GEN: "training AI that makes pictures or text",
    Use.TRAIN_OTHER: "training any other AI",
    Use.TDM: "text and data mining",
    Use.AI_INPUT: "giving it to an AI as input, as when it answers a question",
    Use.AI_INDEX: "putting it into an index that an AI reads from",
    Use.SEARCH: "ordinary search that links back to me",
}

PREFERENCE_WORDS: Final = {
    Preference.DENY: "No",
    Preference.CONDITIONAL: "Ask me first",
    Preference.ALLOW: "Yes",
    Preference.UNKNOWN: "no answer",
}

TITLES: Final = {
    400: "That did not work",
    401: "Please sign in",
    403: "Not allowed",
    404: "Nothing is here",
    405: "Nothing is here",
    409: "That cannot be done now",
    410: "No longer here",
    413: "Too large",
    429: "Too often just now",
    503: "Not available now",
}


def make_environment() -> Environment:
    """Make the environment of all templates."""
    environment = Environment(
        loader=PackageLoader("byleave.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "capfirst": _capital,
        "day": day,
        "is_link": is_link,
        "moment": moment,
        "number": number,
        "percent": percent,
        "plural": plural,
        "span": span,
    }
    environment.globals |= {
        "ANSWERS": ANSWERS,
        "USE_WORDS": USE_WORDS,
        "PREFERENCE_WORDS": PREFERENCE_WORDS,
        "TOKEN_FIELD": TOKEN_FIELD,
        "FOUND": device_figures(),
        "COPY_BYTES": COPY_BYTES,
        "LEVEL_WORDS": LEVEL_WORDS,
        "answer_words": answer_words,
    }
    return environment


def page(
    request: Request, site: Site, visitor: Visitor, template: str, *, status: int = 200, **context: Any
) -> Response:
    """Render a page and give a new browser its cookie."""
    response = HTMLResponse(
        _render(site, template, visitor=visitor, path=request.url.path, **context), status
    )
    remember_visitor(response, visitor, site, request)
    return response


def go(address: str) -> Response:
    """Send a browser on after a form, by GET."""
    return RedirectResponse(address, SEE_OTHER)


def error_page(request: Request, error: ByleaveError, status: int) -> Response:
    """Say what went wrong and what to do: as JSON to programs, as a page to people, and by way of signing in where that helps."""
    if request.url.path.startswith(API):
        told = {"ok": False, "error": error.problem, "remedy": error.remedy, "status": status}
        return JSONResponse(told, status, headers=_when_again(request, error))
    if isinstance(error, SignInNeededError):
        return go(f"/sign-in?next={quote(_here(request), safe='')}")
    if isinstance(error, FiledBeforeError) and "text/html" in request.headers.get("accept", ""):
        return go("/choices?before=1")
    content = _render(
        site_of(request),
        "error.html",
        visitor=known_visitor(request),
        path=request.url.path,
        title=TITLES.get(status, "Something broke"),
        problem=_sentence(error.problem),
        remedy=_sentence(error.remedy),
        status=status,
        back=_form_sent_from(request),
    )
    return HTMLResponse(content, status, headers=_when_again(request, error))


def _when_again(request: Request, error: ByleaveError) -> dict[str, str]:
    """Tell programs after how many seconds they may come again."""
    if not isinstance(error, TooOftenError):
        return {}
    return {"retry-after": str(max(1, int((error.until - site_of(request).clock()).total_seconds()) + 1))}


def _form_sent_from(request: Request) -> str | None:
    """Return the page of ours whose form was refused, so that nobody looks for it again."""
    if request.method == "GET":
        return None
    try:
        came = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return None
    is_ours = came.netloc == request.headers.get("host") and came.path.startswith("/")
    return urlunsplit(("", "", came.path, came.query, "")) if is_ours and came.path[:2] != "//" else None


def answer_words(preferences: Preferences) -> str:
    """Name an answer by its preset, or say what it is made of."""
    for name, preset in PRESETS.items():
        if preset == preferences:
            return ANSWERS[name]
    given = {preferences.for_use(use) for use in Use} - {Preference.UNKNOWN}
    if len(given) == 1:
        return f"{PREFERENCE_WORDS[given.pop()]}, for chosen uses"
    return "Different answers for different uses"


def day(at: datetime) -> str:
    """Write a date as people say it."""
    return f"{at.day} {at:%B %Y}"


def moment(at: datetime) -> str:
    """Write date and time, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def number(value: int) -> str:
    """Write a number with its thousands apart."""
    return f"{value:,}"


def plural(count: int, one: str, many: str) -> str:
    """Write a count with its noun."""
    return f"{count:,} {one if count == 1 else many}"


def span(length: timedelta) -> str:
    """Write a length of time in its largest unit: minutes, hours or days."""
    minutes = int(length.total_seconds()) // 60
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return plural(minutes, "minute", "minutes")
    if minutes < 48 * 60:
        return plural(minutes // 60, "hour", "hours")
    return plural(minutes // (24 * 60), "day", "days")


def is_link(url: str | None) -> bool:
    """Whether an address from a dataset may become a link: no other scheme than these two ever does."""
    return url is not None and url.lower().startswith(("http://", "https://"))


def _render(site: Site, template: str, **context: Any) -> str:
    static = f"/static/{site.assets.version}"
    late = site.lateness.look(site.clock())
    return site.templates.get_template(template).render(site=site, static=static, late=late, **context)


def _here(request: Request) -> str:
    if request.method != "GET":
        return _form_sent_from(request) or "/choices"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _sentence(text: str) -> str:
    return _capital(text) + ("" if text.endswith((".", "!", "?")) else ".")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
