"""What is drawn over the bars of costs: days to come with their band, a budget as a line, and flags
for days that stand out and for changes of price.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from billing.formats import money
from portal.console.svg import coordinate, el

_HALF = 0.24  # of a column's slot lies left of its bar
_MOST_ABOVE = 2.5


@dataclass(frozen=True, slots=True)
class Expected:
    """What a column is expected to come to in all, and between what."""

    amount: Decimal
    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class Overlay:
    """By the number of a column. `line` is an amount across all columns, called `line_name`."""

    expected: Mapping[int, Expected] = field(default_factory=dict)
    flags: Mapping[int, str] = field(default_factory=dict)
    changes: Mapping[int, str] = field(default_factory=dict)
    line: Decimal | None = None
    line_name: str = ""

    def top(self) -> float:
        """The highest thing in it."""
        highs = [one.high for one in self.expected.values()]
        return float(max([*highs, self.line or Decimal(0)], default=Decimal(0)))

    def beside(self, totals: Sequence[float]) -> Overlay:
        """Without a line so high that the bars could no longer be told apart."""
        highest = max([*totals, replace(self, line=None).top()], default=0.0)
        far = self.line is not None and float(self.line) > _MOST_ABOVE * highest
        return replace(self, line=None) if far else self

    def legend(self) -> list[SafeString]:
        items = []
        if self.expected:
            items.append(el("li", el("span", class_="key forecast"), _("Forecast, with its band")))
        if self.line is not None:
            items.append(el("li", el("span", class_="key limit"), self.line_name))
        if self.flags:
            items.append(el("li", el("span", class_="key flag"), _("Unusual")))
        if self.changes:
            items.append(el("li", el("span", class_="key change"), _("Prices change")))
        return items

    def note(self, column: int) -> str:
        """The same facts as text, for the table; empty for nothing."""
        one = self.expected.get(column)
        forecast = _("Forecast %(amount)s") % {"amount": _in_words(one)} if one else ""
        notes = (forecast, self.flags.get(column), self.changes.get(column))
        return "; ".join(note for note in notes if note)

    def shapes(
        self, totals: Sequence[float], scale: float, *, foot: float, height: float
    ) -> list[SafeString]:
        """`totals` of all columns, in the unit that `scale` turns into px; `foot` is the height of
        the label axis, `height` that of the whole.
        """
        base, slot = height - foot, 100 / max(len(totals), 1)
        drawn = [self._change(n, text, slot, base) for n, text in self.changes.items()]
        for n, one in self.expected.items():
            drawn += _expected(n, one, slot, base, scale)
        drawn += [_flag(n, text, slot, base - totals[n] * scale) for n, text in self.flags.items()]
        if self.line is not None:
            y = coordinate(base - float(self.line) * scale)
            note = f"{self.line_name}: {money(self.line)}"
            drawn.append(
                el("line", el("title", note), class_="limit", x1="0", x2="100%", y1=y, y2=y)
            )
        return drawn

    @staticmethod
    def _change(column: int, text: str, slot: float, base: float) -> SafeString:
        x = f"{coordinate(slot * column)}%"
        return el(
            "line", el("title", text), class_="change", x1=x, x2=x, y1="6", y2=coordinate(base)
        )


def _expected(
    column: int, one: Expected, slot: float, base: float, scale: float
) -> list[SafeString]:
    """A dashed bar, and a whisker from the low to the high end."""
    note = _in_words(one)
    size = float(one.amount) * scale
    bar = el(
        "rect",
        el("title", note),
        class_="bar forecast",
        x=f"{coordinate(slot * (column + _HALF))}%",
        y=coordinate(base - size),
        width=f"{coordinate(slot * (1 - 2 * _HALF))}%",
        height=coordinate(max(size - 1, 0.5)),
        rx="1.5",
    )
    middle = f"{coordinate(slot * (column + 0.5))}%"
    ends = [coordinate(base - float(end) * scale) for end in (one.low, one.high)]
    return [bar, el("line", class_="band", x1=middle, x2=middle, y1=ends[0], y2=ends[1])]


def _in_words(one: Expected) -> str:
    return f"{money(one.amount)} ({money(one.low)} – {money(one.high)})"


def _flag(column: int, text: str, slot: float, top: float) -> SafeString:
    middle = f"{coordinate(slot * (column + 0.5))}%"
    y = coordinate(max(top - 6, 5))
    return el("circle", el("title", text), class_="flag", cx=middle, cy=y, r="3.5")
