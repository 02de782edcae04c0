"""Pictures people ask about: one visitor's, for a while, and not too many."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from byleave.errors import NotFoundError
from byleave.web.asked_pictures import KEPT, LIFE, AskedPicture, AskedPictures


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def picture() -> AskedPicture:
    return cast(AskedPicture, object())


def test_a_picture_belongs_to_one_visitor() -> None:
    pictures = AskedPictures(Clock())
    mine = picture()
    token = pictures.keep("ada", mine)
    assert pictures.find("ada", token) is mine
    with pytest.raises(NotFoundError):
        pictures.find("mallory", token)


def test_a_picture_is_gone_after_a_while() -> None:
    clock = Clock()
    pictures = AskedPictures(clock)
    token = pictures.keep("ada", picture())
    clock.now += LIFE
    pictures.find("ada", token)
    clock.now += timedelta(seconds=1)
    with pytest.raises(NotFoundError):
        pictures.find("ada", token)


def test_many_pictures_push_the_oldest_out() -> None:
    pictures = AskedPictures(Clock())
    tokens = [pictures.keep("ada", picture()) for _ in range(KEPT + 1)]
    with pytest.raises(NotFoundError):
        pictures.find("ada", tokens[0])
    pictures.find("ada", tokens[1])
