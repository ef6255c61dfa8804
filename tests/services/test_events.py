"""What controllers say in events alone: told, where we may look."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from portal.kernel.errors import Permanent
from services.backends.kubernetes.events import refused_pods
from services.backends.kubernetes.objects import Objects

SINCE = datetime(2026, 11, 26, 4, 0, 30, 500, tzinfo=UTC)


def event(name: str, minute: int, message: str) -> dict[str, Any]:
    when = f"2026-11-26T04:{minute:02}:00Z"
    return {"involvedObject": {"name": name}, "lastTimestamp": when, "message": message}


class Saying(Objects):
    def __init__(self, *events: dict[str, Any], refuses: bool = False) -> None:
        self.events, self.refuses = list(events), refuses

    def list(self, *_: Any, **__: Any) -> list[dict[str, Any]]:
        if self.refuses:
            raise Permanent("not-allowed-there")
        return self.events


@pytest.mark.parametrize(
    ("objects", "told"),
    [
        pytest.param(
            Saying(event("mc-1", 2, "no room"), event("mc-1-db", 3, "still no room")),
            "still no room",
            id="the newest, of any of its objects",
        ),
        pytest.param(Saying(event("mc-2", 2, "no room")), "", id="not another's"),
        pytest.param(Saying(event("mc-1", 0, "no room")), "", id="not what was before"),
        pytest.param(Saying(refuses=True), "", id="where we may not look"),
    ],
)
def test_why_there_is_no_pod(objects: Objects, told: str) -> None:
    assert refused_pods(objects, "polder-a", "mc-1", SINCE) == told
