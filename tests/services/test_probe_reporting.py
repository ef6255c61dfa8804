"""What a region's prober does with windows that are not taken."""

from __future__ import annotations

from datetime import date

import pytest

from services.probes.minutes import Window
from services.probes.prober import Away
from services.probes.remote import Reporting
from tests.portal.receivers import receiving

WINDOW = Window("rd-00000001", date(2026, 10, 20), 144, (720, 721), (), 13)


def report(*answers: tuple[int, bytes]) -> int:
    """How many requests it came to. Raises: Away."""
    with receiving() as place:
        place.answers = list(answers)
        Reporting(f"http://127.0.0.1:{place.port}", "local", lambda: "key").add([WINDOW])
        return len(place.got)


@pytest.mark.parametrize("body", [b"<h1>400</h1>", b'{"code": "malformed"}'])
def test_windows_are_kept_where_the_address_is_not_polders_for_now(body: bytes) -> None:
    """A proxy that has not been told yet, or ALLOWED_HOSTS that lack the name."""
    with pytest.raises(Away, match="status 400"):
        report((400, body))


@pytest.mark.parametrize("status", [413, 415, 422])
def test_what_would_be_refused_again_is_not_sent_again(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert report((status, b"{}")) == 1
    (record,) = caplog.records
    assert (record.message, vars(record)["windows"]) == ("probe.refused", 1)
