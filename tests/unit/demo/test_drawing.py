"""Drawing happens in children; one that takes too long or dies costs its own drawing and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from byleave.demo.drawing import DrawingPool, Drawn, LeftOut
from byleave.demo.drawings import Collection, Drawing
from byleave.demo.originals import choose, in_fixed_order

Build = Callable[..., bytes]

ENDLESS = (
    '<defs><filter id="f"><feTurbulence numOctaves="200" baseFrequency="0.5"/></filter></defs>'
    '<rect width="100" height="100" filter="url(#f)"/>'
)


def drawing(name: str, svg: bytes) -> Drawing:
    return Drawing(name, name, "Anita", (), "public domain", svg)


def shapes(number: int) -> str:
    """Draw a different scene for each number."""
    places = [((number * 37 + step * 29) % 80, (number * 53 + step * 41) % 80) for step in range(6)]
    return "".join(
        f'<rect x="{x}" y="{y}" width="{12 + number % 5 * 3}" height="{10 + step * 3}" fill="#{step}{number % 9}7"/>'
        for step, (x, y) in enumerate(places)
    )


def test_answers_come_in_the_order_asked_and_a_slow_drawing_costs_only_itself(svg: Build) -> None:
    asked = [
        drawing("a", svg()),
        drawing("slow", svg(body=ENDLESS)),
        drawing("b", svg()),
        drawing("c", b"<no"),
    ]
    with DrawingPool(1, seconds=0.3) as pool:
        answers = pool.draw(asked)
    assert [answer.drawing.name for answer in answers] == ["a", "slow", "b", "c"]
    assert [type(answer) for answer in answers] == [Drawn, LeftOut, Drawn, LeftOut]
    assert isinstance(answers[1], LeftOut)
    assert answers[1].reason == "drawing takes too long"


def test_near_and_flat_pictures_are_no_originals_and_a_smaller_choice_begins_the_larger(svg: Build) -> None:
    scenes = [drawing(f"scene-{n}", svg(body=shapes(n))) for n in range(6)]
    twin = drawing("twin", svg(body=shapes(2), creator="Somebody"))
    flat = drawing("flat", svg(body='<rect width="100" height="100" fill="#eeeeee"/>'))
    collection = Collection("test", "", (*scenes, twin, flat), Counter())
    with DrawingPool(1) as pool:
        all_of_them = choose(collection, 100, pool)
        three = choose(collection, 3, pool)
    names = [picture.drawing.name for picture in all_of_them.pictures]
    assert len({"twin", "scene-2"} & set(names)) == 1
    assert "flat" not in names
    assert all_of_them.left_out["looks like one already chosen"] >= 1
    assert all_of_them.left_out["too flat to be told from others"] == 1
    assert [picture.drawing.name for picture in three.pictures] == names[:3]


def test_the_order_does_not_depend_on_the_order_of_the_files() -> None:
    files = [drawing(f"folder/{n}", b"") for n in range(20)]
    assert in_fixed_order(files) == in_fixed_order(files[::-1])
    assert in_fixed_order(files) != files
