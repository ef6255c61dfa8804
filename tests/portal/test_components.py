"""Badges, meters, charts and numbers, as pages show them."""

from __future__ import annotations

import re
from decimal import Decimal

import html5lib
import pytest

from portal.console import charts, glyphs
from portal.console.badges import look_of_operation, look_of_service
from portal.console.templatetags import ui
from portal.kernel.money import Money
from services.instances.states import Health, OperationState, Phase
from services.spec import Family
from tests.portal.test_ui import CSS


def test_every_state_has_a_word_and_a_look() -> None:
    looks = [look_of_service(phase, health) for phase in Phase for health in Health]
    looks += [look_of_operation(state) for state in OperationState]
    assert all(str(look.word) for look in looks)
    assert {look.css for look in looks} == {"ok", "busy", "degraded", "bad", "hollow", "none"}
    assert look_of_service("running", "down").word == "Down"
    assert look_of_service("paused", "down").word == "Paused"


def test_a_mark_for_every_family() -> None:
    for family in Family:
        assert f'class="mark family-{family}"' in glyphs.mark(family, "Ab")
        assert f".family-{family} {{" in CSS


@pytest.mark.parametrize(
    ("value", "tone"), [(0, "ok"), (74, "ok"), (75, "warn"), (90, "bad"), (130, "bad")]
)
def test_a_meter_changes_its_tone(value: int, tone: str) -> None:
    drawn = glyphs.meter(value, 100, "Storage")
    assert f'class="meter {tone}"' in drawn
    assert f'aria-valuenow="{min(value, 100)}"' in drawn


def test_charts_escape_what_they_are_given() -> None:
    evil = '<script>"x"</script>'
    drawn = [
        glyphs.sparkline([1, 2], evil),
        charts.timeseries(evil, "%", ["a", evil], [(evil, [1, 2])], ident="x"),
        charts.bars(evil, [evil], [(evil, [1])]),
        charts.donut(evil, [(evil, 1)], centre=evil, note=evil),
        charts.no_data(evil, evil),
    ]
    assert not [one for one in drawn if "<script" in one or 'style="' in one]


def test_a_chart_is_its_table() -> None:
    drawn = charts.timeseries("CPU", "%", ["10:00", "11:00"], [("Primary", [1.5, 20])], ident="cpu")
    root = html5lib.parse(f"<!doctype html>{drawn}", namespaceHTMLElements=False)
    cells = [c.text for row in root.iter("tr") for c in row]
    assert cells == ["Time", "Primary (%)", "10:00", "1.5", "11:00", "20"]


def test_a_credit_is_in_the_table_and_no_bar_hangs_below_the_axis() -> None:
    drawn = charts.bars("Costs", ["Aug"], [("Credit", [-100]), ("Search", [50])])
    root = html5lib.parse(f"<!doctype html>{drawn}", namespaceHTMLElements=False)
    (bar,) = root.iter("{http://www.w3.org/2000/svg}rect")
    foot = float(bar.attrib["y"]) + float(bar.attrib["height"])
    assert foot <= 200 - 22
    cells = [c.text for row in root.iter("tr") for c in row]
    assert cells[-3:] == ["\u2212€\u202f100.00", "€\u202f50.00", "\u2212€\u202f50.00"]


def test_a_chart_without_points_says_so() -> None:
    assert "No data yet" in charts.timeseries("CPU", "%", [], [("A", [])], ident="cpu")
    assert charts.bars("Spend", [], [])
    assert glyphs.sparkline([], "Nothing")


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (1, 1), (72, 80), (80, 80), (801, 1000), (0.03, 0.04)]
)
def test_axes_end_on_round_numbers(value: float, top: float) -> None:
    assert charts.nice_maximum(value) == pytest.approx(top)


def test_the_shares_of_a_donut_close_the_ring() -> None:
    drawn = charts.donut("x", [("a", 50), ("b", 25), ("c", 25)], centre="", note="")
    assert re.findall(r'stroke-dashoffset="(-?[\d.]+)"', drawn) == ["25", "-25", "-50"]
    assert re.findall(r"<td>(\d+%)</td>", drawn) == ["50%", "25%", "25%"]


def test_numbers_as_people_read_them() -> None:
    assert ui.money(Money(Decimal("1234.5"))) == "€\u202f1,234.50"
    assert ui.eur(0.1622, 4) == "€\u202f0.1622"
    assert ui.eur(None) == "—"
    assert [ui.mib(512), ui.mib(4096), ui.gib(1536)] == [
        "512\u202fMiB",
        "4\u202fGiB",
        "1.5\u202fTiB",
    ]
    assert [ui.duration(s) for s in (0, 26, 60, 185, 3600, 7_805, 90_000)] == [
        text.replace("_", "\u202f")
        for text in ("0_s", "26_s", "1_min", "3_min 5_s", "1_h", "2_h 10_min", "1_d 1_h")
    ]
    assert ui.ago(None) == "—"
