"""Platforms where people can show who they are by signing in: addresses, and how each says who somebody is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from byleave.errors import FormatError


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a platform knows: the number or name it never changes, and the name in its addresses, which it may give to others."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class SignInPlatform:
    """One platform.

    host
        As it stands in ``platforms.toml``.
    begin
        Address of OAuth 1 where a sign-in is begun; ``None`` for OAuth 2.
    scope
        The least that tells who somebody is.
    """

    word: str
    name: str
    host: str
    authorize: str
    token: str
    whoami: str
    read: Callable[[bytes], Person]
    scope: str | None = None
    begin: str | None = None


def read_json(body: bytes) -> Mapping[str, Any]:
    """Read the JSON object of a platform.

    Raises
    ------
    FormatError
        If it is none.
    """
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _unreadable() from error
    if not isinstance(said, dict):
        raise _unreadable()
    return said


def _by_fields(number: str, name: str) -> Callable[[bytes], Person]:
    def read(body: bytes) -> Person:
        said = read_json(body)
        return _person(said.get(number), said.get(name))

    return read


def _flickr(body: bytes) -> Person:
    user = read_json(body).get("user")
    if not isinstance(user, dict):
        raise _unreadable()
    return _person(user.get("nsid"), urlsplit(str(user.get("url", ""))).path.strip("/").rpartition("/")[2])


def _tumblr(body: bytes) -> Person:
    response = read_json(body).get("response")
    user = response.get("user") if isinstance(response, dict) else None
    blogs = user.get("blogs") if isinstance(user, dict) else None
    for blog in blogs if isinstance(blogs, list) else []:
        if isinstance(blog, dict) and blog.get("primary") is True:
            return _person(blog.get("uuid"), blog.get("name"))
    raise _unreadable()


def _person(number: object, name: object) -> Person:
    if isinstance(number, bool) or not isinstance(number, (int, str)) or not isinstance(name, str):
        raise _unreadable()
    if not str(number) or not name:
        raise _unreadable()
    return Person(str(number), name)


def _unreadable() -> FormatError:
    return FormatError("the platform did not say who you are", remedy="try again, or choose another way")


PLATFORMS: Final = (
    SignInPlatform(
        word="deviantart",
        name="DeviantArt",
        host="deviantart.com",
        authorize="https://www.deviantart.com/oauth2/authorize",
        token="https://www.deviantart.com/oauth2/token",  # noqa: S106 - an address
        whoami="https://www.deviantart.com/api/v1/oauth2/user/whoami",
        scope="user",
        read=_by_fields("userid", "username"),
    ),
    SignInPlatform(
        word="flickr",
        name="Flickr",
        host="flickr.com",
        begin="https://www.flickr.com/services/oauth/request_token",
        authorize="https://www.flickr.com/services/oauth/authorize?perms=read",
        token="https://www.flickr.com/services/oauth/access_token",  # noqa: S106 - an address
        whoami="https://api.flickr.com/services/rest/?method=flickr.urls.getUserPhotos&format=json&nojsoncallback=1",
        read=_flickr,
    ),
    SignInPlatform(
        word="github",
        name="GitHub",
        host="github.com",
        authorize="https://github.com/login/oauth/authorize",
        token="https://github.com/login/oauth/access_token",  # noqa: S106 - an address
        whoami="https://api.github.com/user",
        read=_by_fields("id", "login"),
    ),
    SignInPlatform(
        word="tumblr",
        name="Tumblr",
        host="tumblr.com",
        authorize="https://www.tumblr.com/oauth2/authorize",
        token="https://api.tumblr.com/v2/oauth2/token",  # noqa: S106 - an address
        whoami="https://api.tumblr.com/v2/user/info",
        scope="basic",
        read=_tumblr,
    ),
)
"""As each platform documents it. Mastodon is not here: every server of it wants to know us first."""
