"""Small drawings that stand in a line of text or a card: icon, mark, meter, sparkline, uptime."""

from __future__ import annotations

from collections.abc import Sequence

from django.templatetags.static import static
from django.utils.safestring import SafeString

from portal.console.svg import Number, coordinate, el, polyline

# One line at the foot of a mark tells the family without its colour.
_MOTIF = {
    "containers": "M9 33h5M17.5 33h5M26 33h5",
    "databases": "M8 31c0 2.4 5.4 4 12 4s12-1.6 12-4",
    "analytics": "M9 35v-2M14.5 35v-4M20 35v-3M25.5 35v-5M31 35v-2",
    "ai": "M9 33h.01M14.5 33h.01M20 33h.01M25.5 33h.01M31 33h.01",
    "integration": "M7 33c3-3 5.5-3 8.5 0s5.5 3 8.5 0 5.5-3 9 0",
    "devtools": "M12 31l-3 2 3 2M28 31l3 2-3 2",
    "serverless": "M8 31.5l12 3.5 12-3.5",
    "iot": "M8 33h24M8 33v-1.5M20 33v-1.5M32 33v-1.5",
    "blockchain": "M8 31h24M8 34.5h24",
}


def icon(name: str, size: int = 16, label: str = "") -> SafeString:
    """A Lucide icon from the sprite. Without `label` readers skip it: say the name beside it."""
    said = {"role": "img", "aria_label": label} if label else {"aria_hidden": "true"}
    use = el("use", href=f"{static('sprite.svg')}#{name}")
    return el("svg", use, class_="icon", width=size, height=size, **said)


def mark(family: str, symbol: str, size: int = 40, *, off: bool = False) -> SafeString:
    """The tile of a service: hue and motif of its family, two letters of its own."""
    return el(
        "svg",
        el("rect", width=40, height=40, rx=10),
        el("text", symbol, x=20, y=24, text_anchor="middle"),
        el("path", d=_MOTIF[family]),
        class_=f"mark family-{family}" + (" off" if off else ""),
        width=size,
        height=size,
        viewBox="0 0 40 40",
        aria_hidden="true",
    )


def meter(value: Number, top: Number, label: str, warn: int = 75, bad: int = 90) -> SafeString:
    """How much of `top` is used. From `warn` per cent it is amber, from `bad` red."""
    percent = min(100.0, float(value) / float(top) * 100) if top else 0.0
    tone = "bad" if percent >= bad else "warn" if percent >= warn else "ok"
    return el(
        "svg",
        el("rect", width="100%", height=6, rx=3),
        el("rect", width=f"{percent:.1f}%", height=6, rx=3),
        class_=f"meter {tone}",
        width="100%",
        height=6,
        role="meter",
        aria_label=label,
        aria_valuemin=0,
        aria_valuemax=top,
        aria_valuenow=min(value, top),
    )


def sparkline(values: Sequence[Number], label: str, tone: str = "") -> SafeString:
    """A line without axes, from its least to its greatest value. `tone` is ok, warn or bad."""
    numbers = [float(v) for v in values]
    if len(numbers) < 2:
        numbers = (numbers or [0.0]) * 2
    low, high = min(numbers), max(numbers)
    if low == high:
        line = polyline([0.9 if high else 0.04] * len(numbers), 1.12, 100, 28)
    else:
        floor = max(0.0, low - (high - low) * 0.35) if low >= 0 else low
        line = polyline([v - floor for v in numbers], (high - floor) * 1.12, 100, 28)
    return el(
        "svg",
        el("path", class_="area", d=f"{line}L100 28L0 28Z"),
        el("path", class_="ln", d=line),
        class_=f"spark {tone}".strip(),
        viewBox="0 0 100 28",
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
    )


def uptime(days: Sequence[str | tuple[str, str]], label: str) -> SafeString:
    """One bar a day: ok, part, bad or none, and what a pointer on it tells. `label` says the sum in
    words.
    """
    width = 100 / max(len(days), 1)
    pairs = [(day, "") if isinstance(day, str) else day for day in days]
    strip = [
        el(
            "rect",
            *([el("title", text)] if text else []),
            class_=state,
            x=f"{coordinate(i * width)}%",
            width=f"{coordinate(width * 0.66)}%",
        )
        for i, (state, text) in enumerate(pairs)
    ]
    return el("svg", *strip, class_="uptime", width="100%", height=22, role="img", aria_label=label)
