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

from django.utils.formats import number_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from portal.console.svg import coordinate as _f
from portal.console.svg import el as _el
from portal.console.svg import join as _join

Number = int | float | Decimal
Series = tuple[str, Sequence[Number]]

_AXIS = 36  # width of the value axis, px
_FOOT = 26  # height of the label axis, px
_TOP = 6  # room above the highest grid line, px
_GRID = 4  # intervals between grid lines
_LABELS = 4  # intervals between labels of a time axis


def _n(value: Number) -> str:
    """A value for people: whole above 100, else one decimal."""
    whole = abs(value) >= 100 or value == int(value)
    return number_format(round(float(value), 0 if whole else 1), 0 if whole else 1, use_l10n=True)


def _with_unit(text: str, unit: str) -> str:
    """Currency signs lead, other units follow."""
    if not unit:
        return text
    return f"{unit}\u202f{text}" if unit == "€" else f"{text}\u202f{unit}"


def _key(index: int) -> SafeString:
    return _el("span", class_=f"key s{index + 1}")


def nice_maximum(value: float, intervals: int = _GRID) -> float:
    """The smallest round number ≥ `value` that `intervals` divide into round steps."""
    if value <= 0:
        return 1.0
    raw = value / intervals
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(m for m in (1, 2, 2.5, 5, 10) if raw <= m * magnitude * (1 + 1e-9))
    return step * magnitude * intervals


def _path(values: Sequence[Number], top: float, width: float, height: float) -> str:
    last = max(len(values) - 1, 1)
    points = (
        f"{_f(i * width / last)} {_f(height - float(v) / top * height)}"
        for i, v in enumerate(values)
    )
    return "M" + "L".join(points)


def sparkline(values: Sequence[Number], label: str, tone: str = "") -> SafeString:
    """A line without axes, from its least to its greatest value. `tone` is ok, warn or bad."""
    numbers = [float(v) for v in values]
    if len(numbers) < 2:
        numbers = (numbers or [0.0]) * 2
    low, high = min(numbers), max(numbers)
    if low == high:
        line = _path([0.9 if high else 0.04] * len(numbers), 1.12, 100, 28)
    else:
        floor = max(0.0, low - (high - low) * 0.35) if low >= 0 else low
        line = _path([v - floor for v in numbers], (high - floor) * 1.12, 100, 28)
    return _el(
        "svg",
        _el("path", class_="area", d=f"{line}L100 28L0 28Z"),
        _el("path", class_="ln", d=line),
        class_=f"spark {tone}".strip(),
        viewBox="0 0 100 28",
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
    )


def _axis(top: float, plot_height: float, unit: str = "") -> tuple[SafeString, SafeString]:
    """Labels of the value axis, and the grid lines."""
    heights = [_f(_TOP + (plot_height - _TOP) * line / _GRID) for line in range(_GRID + 1)]
    labels = [
        _el(
            "text",
            _n(top * (_GRID - line) / _GRID),
            class_="ax",
            x=_AXIS - 6,
            y=_f(float(y) + 4),
            text_anchor="end",
        )
        for line, y in enumerate(heights)
    ]
    grid = [_el("line", x1="0", x2="100%", y1=y, y2=y) for y in heights]
    return _join(labels), _join(grid)


def _table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> SafeString:
    names = [_el("th", name, scope="col", data_name=name.partition(" (")[0]) for name in head]
    body = [
        _el(
            "tr",
            *(
                _el("th", cell, scope="row") if i == 0 else _el("td", cell)
                for i, cell in enumerate(row)
            ),
        )
        for row in rows
    ]
    table = _el(
        "table",
        _el("caption", caption, class_="vh"),
        _el("thead", _el("tr", *names)),
        _el("tbody", *body),
    )
    scroll = _el(
        "div",
        table,
        class_="table-scroll",
        tabindex="0",
        role="region",
        aria_label=_("%(title)s, as a table") % {"title": caption},
    )
    return _el("details", _el("summary", _("Show as table")), scroll)


def _caption(title: str, legend: Sequence[SafeString]) -> SafeString:
    return _el("figcaption", _el("b", title), _el("ul", *legend, class_="legend"))


def no_data(title: str, text: str, height: int = 190) -> SafeString:
    """A chart with nothing to show yet: its axis, and `text` that says when points will come."""
    _labels, grid = _axis(1.0, height - _FOOT)
    words = _el(
        "text", text, class_="nodata", x="50%", y=_f((height - _FOOT) / 2), text_anchor="middle"
    )
    frame = _el(
        "svg", grid, words, class_="frame", width="100%", height=height, role="img", aria_label=text
    )
    return _el("figure", _caption(title, []), frame, class_="chart")


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
    top = nice_maximum(max(float(max(values)) for _name, values in series))
    plot_height = height - _FOOT
    labels, grid = _axis(top, plot_height)
    lines = [_line(index, values, top) for index, (_name, values) in enumerate(series)]
    shapes = _el(
        "svg",
        *lines,
        y=_TOP,
        width="100%",
        height=plot_height - _TOP,
        viewBox="0 0 1000 100",
        preserveAspectRatio="none",
        overflow="visible",
    )
    plot = _el(
        "div",
        _el("svg", labels, width=_AXIS, height=height, aria_hidden="true"),
        _el(
            "svg",
            grid,
            _ticks(times, height),
            shapes,
            class_="frame",
            width="100%",
            height=height,
            aria_hidden="true",
        ),
        mark_safe('<div class="cross" hidden></div><div class="tip" hidden></div>'),
        _el("span", class_="vh", aria_live="polite"),
        class_="plot",
        tabindex="0",
        role="group",
        aria_label=_("%(title)s. The left and right arrow keys read the values.")
        % {"title": title},
    )
    legend = [
        _el("li", _key(i), name, " ", _el("b", _with_unit(_n(values[-1]), unit)))
        for i, (name, values) in enumerate(series)
    ]
    if stale:
        legend.append(_el("li", stale))
    rows = [[when, *(_n(values[i]) for _name, values in series)] for i, when in enumerate(times)]
    head = [_("Time"), *(f"{name} ({unit})" if unit else name for name, _values in series)]
    return _el(
        "figure",
        _caption(title, legend),
        plot,
        _table(title, head, rows),
        class_="chart stale" if stale else "chart",
        id=ident,
        data_unit=unit,
        data_axis=_AXIS,
    )


def _line(index: int, values: Sequence[Number], top: float) -> SafeString:
    path = _path(values, top, 1000, 100)
    line = _el("path", class_=f"ln s{index + 1}", d=path)
    if index:
        return line
    return _join([_el("path", class_="area s1", d=f"{path}L1000 100L0 100Z"), line])


def _ticks(times: Sequence[str], height: int) -> SafeString:
    last = len(times) - 1
    step = max(1, last // _LABELS)
    anchors = {0: "start", last: "end"}
    return _join(
        [
            _el(
                "text",
                times[i],
                class_="ax",
                x=f"{_f(i / last * 100)}%",
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
) -> SafeString:
    """Stacked bars, one a label. `forecast` is the expected total of the last one, drawn dashed."""
    totals = [sum(float(values[i]) for _name, values in series) for i in range(len(labels))]
    top = nice_maximum(max([*totals, float(forecast or 0)], default=0))
    scale = (height - _FOOT - _TOP) / top
    axis, grid = _axis(top, height - _FOOT)
    columns = [
        _column(i, label, series, len(labels), scale, height, unit)
        for i, label in enumerate(labels)
    ]
    if forecast and labels:
        columns.append(
            _bar("bar forecast", len(labels) - 1, len(labels), float(forecast) * scale, height)
        )
    legend = [_el("li", _key(i), name) for i, (name, _values) in enumerate(series)]
    if forecast:
        legend.append(_el("li", _el("span", class_="key forecast"), _("Forecast")))
    spoken = "; ".join(
        f"{label} {_with_unit(_n(total), unit)}"
        for label, total in zip(labels, totals, strict=True)
    )
    plot = _el(
        "div",
        _el("svg", axis, width=_AXIS, height=height, aria_hidden="true"),
        _el(
            "svg",
            grid,
            *columns,
            class_="frame",
            width="100%",
            height=height,
            role="img",
            aria_label=f"{title}: {spoken}",
        ),
        class_="plot",
    )
    rows = [
        [
            label,
            *(_with_unit(_n(values[i]), unit) for _name, values in series),
            _with_unit(_n(totals[i]), unit),
        ]
        for i, label in enumerate(labels)
    ]
    head = [_("Period"), *(name for name, _values in series), _("Total")]
    return _el("figure", _caption(title, legend), plot, _table(title, head, rows), class_="chart")


def _bar(
    css: str, column: int, columns: int, size: float, height: int, base: float = 0, note: str = ""
) -> SafeString:
    """A rectangle of `size` px that stands `base` px above the axis."""
    slot = 100 / columns
    return _el(
        "rect",
        *([_el("title", note)] if note else []),
        class_=css,
        x=f"{_f(slot * (column + 0.24))}%",
        y=_f(height - _FOOT - base - size),
        width=f"{_f(slot * 0.52)}%",
        height=_f(max(size - 1, 0.5)),
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
) -> SafeString:
    sizes = [float(values[column]) * scale for _name, values in series]
    bases = accumulate(sizes, initial=0.0)
    shapes = [
        _bar(
            f"bar s{index + 1}",
            column,
            columns,
            size,
            height,
            base,
            f"{label} · {name}: {_with_unit(_n(values[column]), unit)}",
        )
        for index, ((name, values), size, base) in enumerate(
            zip(series, sizes, bases, strict=False)
        )
        if size > 0
    ]
    centre = f"{_f(100 / columns * (column + 0.5))}%"
    text = _el("text", label, class_="ax", x=centre, y=height - 6, text_anchor="middle")
    return _join([*shapes, text])


def donut(
    title: str, parts: Sequence[tuple[str, Number]], *, centre: str, note: str, unit: str = "€"
) -> SafeString:
    """Shares of one sum, beside their table. The circle's length is 100: a share is its dash."""
    total = sum(float(value) for _name, value in parts) or 1.0
    shares = [float(value) / total * 100 for _name, value in parts]
    starts = accumulate(shares, initial=0.0)
    arcs = [
        _el(
            "circle",
            class_=f"s{index + 1}",
            r="15.9155",
            cx="20",
            cy="20",
            stroke_dasharray=f"{_f(max(share - 1.2, 0.4))} {_f(100 - max(share - 1.2, 0.4))}",
            stroke_dashoffset=_f(25 - start),
        )
        for index, (share, start) in enumerate(zip(shares, starts, strict=False))
    ]
    rows = [
        _el(
            "tr",
            _el("th", _key(index), name, scope="row"),
            _el("td", _with_unit(_n(value), unit)),
            _el("td", f"{share:.0f}%"),
        )
        for index, ((name, value), share) in enumerate(zip(parts, shares, strict=True))
    ]
    ring = _el(
        "svg",
        *arcs,
        _el("text", centre, x="20", y="19.6", text_anchor="middle", class_="big"),
        _el("text", note, x="20", y="24.2", text_anchor="middle", class_="sm"),
        width="112",
        height="112",
        viewBox="0 0 40 40",
        aria_hidden="true",
    )
    table = _el("table", _el("caption", title, class_="vh"), _el("tbody", *rows))
    return _el("figure", ring, table, class_="donut")


def uptime(days: Sequence[str], label: str) -> SafeString:
    """One bar a day: ok, part, bad or none. `label` says the sum in words."""
    width = 100 / max(len(days), 1)
    strip = [
        _el(
            "rect",
            class_=day,
            x=f"{_f(i * width)}%",
            width=f"{_f(width * 0.66)}%",
            height=22,
            rx="1.5",
        )
        for i, day in enumerate(days)
    ]
    return _el(
        "svg", *strip, class_="uptime", width="100%", height=22, role="img", aria_label=label
    )
