"""What is published stays, and means what it meant.

A slug, prefix, plan, version, parameter or error code that tenants may have written into a program
is in published.json. To end one, retire it (`Plan.retired`, `VersionStatus.END_OF_LIFE`) and leave
it where it is. New ones are added with `python -m tests.contracts.publish`.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.contracts.publish import HOW, PUBLISHED, added, broken, current, read, text


def test_nothing_published_has_changed() -> None:
    faults = broken(read(), current())
    assert faults == [], (
        "This is public contract: programs of tenants rely on it. Put it back; to end a plan or "
        "version retire it, and give what shall mean something else another name."
    )


def test_everything_new_is_published() -> None:
    published = read()
    assert added(published, current()) == published, (
        f"There is something new that is not in {PUBLISHED.name}. If tenants may rely on it from "
        f"now on, run `{HOW}` and commit the file."
    )


def test_the_file_is_as_the_program_writes_it() -> None:
    assert PUBLISHED.read_text() == text(read())


SOME: dict[str, Any] = {
    "offerings": {
        "redis": {
            "prefix": "rd",
            "versions": ["8", "9"],
            "plans": {"dev-1x1": {"vcpu": "1", "memory_mib": 1024}},
            "parameters": {
                "most": {
                    "kind": "integer",
                    "default": 5,
                    "mutable": False,
                    "minimum": 1,
                    "maximum": 9,
                },
                "mode": {"kind": "choice", "default": "a", "mutable": True, "choices": ["a", "b"]},
                "word": {"kind": "string", "default": "a", "mutable": True},
            },
        }
    },
    "errors": {"gone": 410},
    "field_errors": ["length"],
}
BREAKING = {
    "offering gone": ("offerings", "redis", None),
    "prefix": ("offerings.redis", "prefix", "vk"),
    "version gone": ("offerings.redis", "versions", ["9"]),
    "plan gone": ("offerings.redis.plans", "dev-1x1", None),
    "plan smaller": ("offerings.redis.plans.dev-1x1", "memory_mib", 512),
    "plan larger, and dearer": ("offerings.redis.plans.dev-1x1", "memory_mib", 2048),
    "parameter gone": ("offerings.redis.parameters", "mode", None),
    "kind": ("offerings.redis.parameters.most", "kind", "string"),
    "default": ("offerings.redis.parameters.most", "default", 6),
    "minimum raised": ("offerings.redis.parameters.most", "minimum", 2),
    "maximum lowered": ("offerings.redis.parameters.most", "maximum", 8),
    "limit where there was none": ("offerings.redis.parameters.word", "maximum", 8),
    "fixed": ("offerings.redis.parameters.mode", "mutable", False),
    "choice gone": ("offerings.redis.parameters.mode", "choices", ["a"]),
    "error gone": ("errors", "gone", None),
    "error status": ("errors", "gone", 404),
    "field error gone": ("", "field_errors", []),
}
LOOSER = {
    "offering": ("offerings", "new", {"prefix": "n"}),
    "version": ("offerings.redis", "versions", ["9", "10", "8"]),
    "plan": ("offerings.redis.plans", "dev-2x2", {"vcpu": "2"}),
    "parameter": ("offerings.redis.parameters", "new", {"kind": "boolean"}),
    "minimum lowered": ("offerings.redis.parameters.most", "minimum", 0),
    "maximum raised": ("offerings.redis.parameters.most", "maximum", 10),
    "limit taken off": ("offerings.redis.parameters.most", "maximum", None),
    "changeable": ("offerings.redis.parameters.most", "mutable", True),
    "choice": ("offerings.redis.parameters.mode", "choices", ["c", "a", "b"]),
    "error": ("errors", "new", 409),
    "field error": ("", "field_errors", ["length", "new"]),
}


def changed(where: str, key: str, value: Any) -> dict[str, Any]:
    found = copy.deepcopy(SOME)
    inner = found
    for step in filter(None, where.split(".")):
        inner = inner[step]
    if value is None:
        del inner[key]
    else:
        inner[key] = value
    return found


@pytest.mark.parametrize("change", BREAKING.values(), ids=list(BREAKING))
def test_a_broken_promise_is_seen_and_never_written(change: tuple[str, str, Any]) -> None:
    now = changed(*change)
    (fault,) = broken(SOME, now)
    assert change[1] in fault
    assert added(SOME, now) == SOME


@pytest.mark.parametrize("change", LOOSER.values(), ids=list(LOOSER))
def test_more_is_welcome_and_then_promised(change: tuple[str, str, Any]) -> None:
    now = changed(*change)
    assert broken(SOME, now) == []
    merged = added(SOME, now)
    assert merged != SOME
    assert added(merged, now) == merged
    assert broken(merged, now) == []
    if change[0] != "offerings.redis.parameters.most":
        assert broken(merged, SOME) != []
