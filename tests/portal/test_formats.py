"""Numbers and times by the rules of the reader's language."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from django.utils.translation import override

from portal.console.templatetags import ui
from portal.kernel import formats

_AT = datetime(2026, 11, 25, 23, 2, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("en-gb", ["1,234,567.5", "0.0000033", "12.50", "1,235", "100"]),
        ("de", ["1.234.567,5", "0,0000033", "12,50", "1.235", "100"]),
        ("fr", ["1\u202f234\u202f567,5", "0,0000033", "12,50", "1\u202f235", "100"]),
    ],
)
def test_numbers(language, shown):
    with override(language):
        assert [
            formats.number(Decimal("1234567.50")),
            formats.number(Decimal("0.0000033")),
            formats.number(Decimal("12.5"), 2),
            formats.number(1234.56, 0),
            formats.number(100),
        ] == shown


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("en-gb", ["26 November 2026", "26 Nov 2026", "26 November", "November 2026", "November"]),
        ("de", ["26. November 2026", "26. Nov. 2026", "26. November", "November 2026", "November"]),
        ("fr", ["26 novembre 2026", "26 nov. 2026", "26 novembre", "novembre 2026", "novembre"]),
    ],
)
def test_days_are_those_of_the_zone_at_hand(language, shown):
    forms = (
        formats.day,
        formats.short_day,
        formats.day_of_year,
        formats.month,
        formats.month_of_year,
    )
    with override(language), timezone.override(ZoneInfo("Europe/Amsterdam")):
        assert [form(_AT) for form in forms] == shown
        assert [form(date(2026, 11, 26)) for form in forms] == shown


@pytest.mark.parametrize(
    ("language", "zone", "shown"),
    [
        ("en-gb", "UTC", "25 Nov 2026, 23:02:11 UTC"),
        ("de", "Europe/Berlin", "26. Nov. 2026, 00:02:11 CET"),
        ("fr", "Europe/Paris", "26 nov. 2026, 00:02:11 CET"),
    ],
)
def test_a_moment_names_its_zone(language, zone, shown):
    with override(language), timezone.override(ZoneInfo(zone)):
        assert ui.exact_second(_AT) == shown
        assert ui.exact_moment(_AT) == shown.replace(":11 ", " ")


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("en-gb", ["1 minute ago", "3 hours ago", "2 days ago"]),
        ("de", ["vor 1 Minute", "vor 3 Stunden", "vor 2 Tagen"]),
        ("fr", ["il y a 1 minute", "il y a 3 heures", "il y a 2 jours"]),
    ],
)
def test_how_long_ago_is_said_in_whole_units(language, shown):
    spans = [timedelta(seconds=119), timedelta(hours=3.9), timedelta(days=2.9)]
    with override(language):
        assert [formats.ago(span) for span in spans] == shown
