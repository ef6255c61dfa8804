"""What an operation waits for stands at its step, while it waits."""

from __future__ import annotations

from services.instances import steps, texts


def begun() -> steps.Steps:
    made = [steps.blank(code) for code in ("namespace", "objects", "operator")]
    return steps.advance(steps.advance(made, "namespace", None, {}), "objects", None, {})


def notes(made: steps.Steps) -> list[str]:
    return [texts.step_text(one["code"], one["params"])[1] for one in made]


def test_it_stands_at_the_step_at_work() -> None:
    waiting = steps.waiting(begun(), "region-unreachable")
    assert notes(waiting) == ["", "The region does not answer.", ""]
    assert steps.waited_for(waiting) == "region-unreachable"


def test_it_makes_place_for_the_next_and_goes_when_nothing_is_said() -> None:
    waiting = steps.waiting(begun(), "region-unreachable")
    assert notes(steps.waiting(waiting, "region-busy"))[1] == "The region has too much to do."
    assert (
        steps.waiting(waiting, "operator-works") == steps.waiting(waiting, "") == begun_as(waiting)
    )


def begun_as(made: steps.Steps) -> steps.Steps:
    return [{**one, "params": {}} for one in made]


def test_it_goes_with_its_step() -> None:
    waiting = steps.waiting(begun(), "region-unreachable")
    assert steps.waited_for(steps.advance(waiting, "operator", None, {})) == ""
    assert steps.waited_for(steps.finished(waiting)) == ""


def test_what_a_step_tells_of_itself_comes_first() -> None:
    told = texts.step_text("place", {"waits": "no-port"})[1]
    assert told == "Ports, user and certificate"
