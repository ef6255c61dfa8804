"""Charts as SVG, drawn by the server: no style, no script; colours are classes, sizes attributes.

Text and grid stand in the outer `svg` in per cent, so they keep their size; shapes stand in an
inner `svg` that stretches with the page (`preserveAspectRatio="none"`). The table under a chart is
its accessible form and the data of the hover script. At most five named series; a sixth is "other"
in grey.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from billing.formats import money
from portal.console.overlay import Overlay
from portal.console.svg import Number, coordinate, el, join, polyline, quantity, with_unit

Series = tuple[str, Sequence[Number]]

_AXIS = 36  # width of the value axis, px
_FOOT = 26  # height of the label axis, px
_TOP = 6  # room above the highest grid line, px
_GRID = 4  # intervals between grid lines
_LABELS = 4  # intervals between labels of a time axis


def _key(index: int) -> SafeString:
    return el("span", class_=f"key s{index + 1}")


def nice_maximum(value: float, intervals: int = _GRID) -> float:
    """The smallest round number ≥ `value` that `intervals` divide into round steps."""
    if value <= 0:
        return 1.0
    raw = value / intervals
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(m for m in (1, 2, 2.5, 5, 10) if raw <= m * magnitude * (1 + 1e-9))
    return step * magnitude * intervals


def _axis(top: float, plot_height: float, unit: str = "") -> tuple[SafeString, SafeString]:
    """Labels of the value axis, and the grid lines."""
    heights = [coordinate(_TOP + (plot_height - _TOP) * line / _GRID) for line in range(_GRID + 1)]
    labels = [
        el(
            "text",
            quantity(top * (_GRID - line) / _GRID),
            class_="ax",
            x=_AXIS - 6,
            y=coordinate(float(y) + 4),
            text_anchor="end",
        )
        for line, y in enumerate(heights)
    ]
    grid = [el("line", x1="0", x2="100%", y1=y, y2=y) for y in heights]
    return join(labels), join(grid)


def _table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> SafeString:
    names = [el("th", name, scope="col", data_name=name.partition(" (")[0]) for name in head]
    body = [
        el(
            "tr",
            *(
                el("th", cell, scope="row") if i == 0 else el("td", cell)
                for i, cell in enumerate(row)
            ),
        )
        for row in rows
    ]
    table = el(
        "table",
        el("caption", caption, class_="vh"),
        el("thead", el("tr", *names)),
        el("tbody", *body),
    )
    scroll = el(
        "div",
        table,
        class_="table-scroll",
        tabindex="0",
        role="region",
        aria_label=_("%(title)s, as a table") % {"title": caption},
    )
    return el("details", el("summary", _("Show as table")), scroll)


def _caption(title: str, legend: Sequence[SafeString]) -> SafeString:
    return el("figcaption", el("b", title), el("ul", *legend, class_="legend"))


def no_data(title: str, text: str, height: int = 190) -> SafeString:
    """A chart with nothing to show yet: its axis, and `text` that says when points will come."""
    _labels, grid = _axis(1.0, height - _FOOT)
    words = el(
        "text",
        text,
        class_="nodata",
        x="50%",
        y=coordinate((height - _FOOT) / 2),
        text_anchor="middle",
    )
    frame = el(
        "svg", grid, words, class_="frame", width="100%", height=height, role="img", aria_label=text
    )
    return el("figure", _caption(title, []), frame, class_="chart")


def timeseries(
    title: str,
    unit: str,
    times: Sequence[str],
    series: Sequence[Series],
    *,
    ident: str,
    height: int = 190,
    stale: str = "",
) -> SafeString:
    """Lines over time from zero; the first is filled. `ident` is the figure's id on its page.

    `stale` ("as of 10:42") greys the chart when its source is down. Fewer than two points give
    `no_data`.
    """
    if len(times) < 2:
        return no_data(title, _("No data yet; first points in about 2 minutes"), height)
    legend = [
        el("li", _key(i), name, " ", el("b", with_unit(quantity(values[-1]), unit)))
        for i, (name, values) in enumerate(series)
    ]
    if stale:
        legend.append(el("li", stale))
    rows = [
        [when, *(quantity(values[i]) for _name, values in series)] for i, when in enumerate(times)
    ]
    head = [_("Time"), *(f"{name} ({unit})" if unit else name for name, _values in series)]
    return el(
        "figure",
        _caption(title, legend),
        _time_plot(title, times, series, height),
        _table(title, head, rows),
        class_="chart stale" if stale else "chart",
        id=ident,
        data_unit=unit,
        data_axis=_AXIS,
    )


def _time_plot(
    title: str, times: Sequence[str], series: Sequence[Series], height: int
) -> SafeString:
    """The part that the pointer and the arrow keys read: axis, lines, and room for the values."""
    top = nice_maximum(max(float(max(values)) for _name, values in series))
    plot_height = height - _FOOT
    labels, grid = _axis(top, plot_height)
    shapes = el(
        "svg",
        *(_line(index, values, top) for index, (_name, values) in enumerate(series)),
        y=_TOP,
        width="100%",
        height=plot_height - _TOP,
        viewBox="0 0 1000 100",
        preserveAspectRatio="none",
        overflow="visible",
    )
    return el(
        "div",
        el("svg", labels, width=_AXIS, height=height, aria_hidden="true"),
        el(
            "svg",
            grid,
            _ticks(times, height),
            shapes,
            class_="frame",
            width="100%",
            height=height,
            aria_hidden="true",
        ),
        el("div", class_="cross", hidden=""),
        el("div", class_="tip", hidden=""),
        el("span", class_="vh", aria_live="polite"),
        class_="plot",
        tabindex="0",
        role="group",
        aria_label=_("%(title)s. The left and right arrow keys read the values.")
        % {"title": title},
    )


def _line(index: int, values: Sequence[Number], top: float) -> SafeString:
    path = polyline(values, top, 1000, 100)
    line = el("path", class_=f"ln s{index + 1}", d=path)
    if index:
        return line
    return join([el("path", class_="area s1", d=f"{path}L1000 100L0 100Z"), line])


def _ticks(times: Sequence[str], height: int) -> SafeString:
    last = len(times) - 1
    step = max(1, last // _LABELS)
    anchors = {0: "start", last: "end"}
    return join(
        [
            el(
                "text",
                times[i],
                class_="ax",
                x=f"{coordinate(i / last * 100)}%",
                y=height - 6,
                text_anchor=anchors.get(i, "middle"),
            )
            for i in range(0, last + 1, step)
        ]
    )


def bars(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    unit: str = "€",
    height: int = 200,
    forecast: Number | None = None,
    every: int = 1,
    overlay: Overlay | None = None,
) -> SafeString:
    """Stacked bars, one a label, of which `every` so-manieth is written under its bar. `forecast`
    is the expected total of the last one, drawn dashed; `overlay` what else lies over the bars.
    What is below zero (a credit) is in the table alone: a bar has no room for it.
    """
    totals = [
        sum(max(float(values[i]), 0.0) for _name, values in series) for i in range(len(labels))
    ]
    over = (overlay or Overlay()).beside(totals)
    legend = [el("li", _key(i), name) for i, (name, _values) in enumerate(series)]
    if forecast:
        legend.append(el("li", el("span", class_="key forecast"), _("Forecast")))
    legend += over.legend()
    rows = [
        [
            " · ".join(part for part in (label, over.note(i)) if part),
            *(_amount(values[i], unit) for _name, values in series),
            _amount(sum(values[i] for _name, values in series), unit),
        ]
        for i, label in enumerate(labels)
    ]
    spoken = "; ".join(f"{row[0]} {row[-1]}" for row in rows)
    top = nice_maximum(max([*totals, float(forecast or 0), over.top()], default=0))
    scale = (height - _FOOT - _TOP) / top
    columns = [
        _column(i, label, series, len(labels), scale, height, unit, written=i % every == 0)
        for i, label in enumerate(labels)
    ]
    if forecast and labels:
        size = float(forecast) * scale
        columns.append(_bar("bar forecast", len(labels) - 1, len(labels), size, height))
    columns += over.shapes(totals, scale, foot=_FOOT, height=height)
    head = [_("Period"), *(name for name, _values in series), _("Total")]
    return el(
        "figure",
        _caption(title, legend),
        _bar_plot(f"{title}: {spoken}", columns, top, height),
        _table(title, head, rows),
        class_="chart",
    )


def _amount(value: Number, unit: str) -> str:
    """Money with its cents, anything else as short as can be."""
    if unit == "€":
        return money(Decimal(value))
    return with_unit(quantity(value), unit)


def _bar_plot(label: str, columns: Sequence[str], top: float, height: int) -> SafeString:
    axis, grid = _axis(top, height - _FOOT)
    frame = el(
        "svg",
        grid,
        *columns,
        class_="frame",
        width="100%",
        height=height,
        role="img",
        aria_label=label,
    )
    side = el("svg", axis, width=_AXIS, height=height, aria_hidden="true")
    return el("div", side, frame, class_="plot")


def _bar(
    css: str, column: int, columns: int, size: float, height: int, base: float = 0, note: str = ""
) -> SafeString:
    """A rectangle of `size` px that stands `base` px above the axis."""
    slot = 100 / columns
    return el(
        "rect",
        *([el("title", note)] if note else []),
        class_=css,
        x=f"{coordinate(slot * (column + 0.24))}%",
        y=coordinate(height - _FOOT - base - size),
        width=f"{coordinate(slot * 0.52)}%",
        height=coordinate(max(size - 1, 0.5)),
        rx="1.5",
    )


def _column(
    column: int,
    label: str,
    series: Sequence[Series],
    columns: int,
    scale: float,
    height: int,
    unit: str,
    *,
    written: bool,
) -> SafeString:
    sizes = [max(float(values[column]), 0.0) * scale for _name, values in series]
    bases = accumulate(sizes, initial=0.0)
    shapes = [
        _bar(
            f"bar s{index + 1}",
            column,
            columns,
            size,
            height,
            base,
            f"{label} · {name}: {_amount(values[column], unit)}",
        )
        for index, ((name, values), size, base) in enumerate(
            zip(series, sizes, bases, strict=False)
        )
        if size > 0
    ]
    centre = f"{coordinate(100 / columns * (column + 0.5))}%"
    if written:
        css = "ax alt" if column % 2 else "ax"  # every other one goes where it is narrow
        shapes.append(el("text", label, class_=css, x=centre, y=height - 6, text_anchor="middle"))
    return join(shapes)


def _dash(drawn: float) -> str:
    return f"{coordinate(drawn)} {coordinate(100 - drawn)}"


def donut(
    title: str, parts: Sequence[tuple[str, Number]], *, centre: str, note: str, unit: str = "€"
) -> SafeString:
    """Shares of one sum, beside their table. The circle's length is 100: a share is its dash."""
    total = sum(float(value) for _name, value in parts) or 1.0
    shares = [float(value) / total * 100 for _name, value in parts]
    starts = accumulate(shares, initial=0.0)
    arcs = [
        el(
            "circle",
            class_=f"s{index + 1}",
            r="15.9155",
            cx="20",
            cy="20",
            stroke_dasharray=_dash(max(share - 1.2, 0.4)),
            stroke_dashoffset=coordinate(25 - start),
        )
        for index, (share, start) in enumerate(zip(shares, starts, strict=False))
    ]
    rows = [
        el(
            "tr",
            el("th", _key(index), name, scope="row"),
            el("td", with_unit(quantity(value), unit)),
            el("td", f"{share:.0f}%"),
        )
        for index, ((name, value), share) in enumerate(zip(parts, shares, strict=True))
    ]
    ring = el(
        "svg",
        *arcs,
        el("text", centre, x="20", y="19.6", text_anchor="middle", class_="big"),
        el("text", note, x="20", y="24.2", text_anchor="middle", class_="sm"),
        width="112",
        height="112",
        viewBox="0 0 40 40",
        aria_hidden="true",
    )
    table = el("table", el("caption", title, class_="vh"), el("tbody", *rows))
    return el("figure", ring, table, class_="donut")
