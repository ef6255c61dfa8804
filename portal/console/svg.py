"""Small safe builders for SVG and HTML made in Python."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django.utils.html import conditional_escape, escape
from django.utils.safestring import SafeString, mark_safe

from portal.kernel import formats

Number = int | float | Decimal


def el(tag: str, *children: str, **attributes: object) -> SafeString:
    """An element. Everything that is not marked safe is escaped.

    Underscores of attribute names become dashes, a trailing one is dropped: `class_`, `aria_label`.
    """
    pairs = "".join(
        f' {name.strip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    inner = "".join(conditional_escape(child) for child in children)
    return mark_safe(f"<{tag}{pairs}>{inner}</{tag}>")  # noqa: S308 - every part is escaped above


def join(parts: Sequence[str]) -> SafeString:
    return mark_safe("".join(conditional_escape(part) for part in parts))  # noqa: S308 - escaped


def coordinate(value: float) -> str:
    """A number as short as two decimals allow."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def polyline(values: Sequence[Number], top: float, width: float, height: float) -> str:
    """The `d` of a line through `values` from zero, over `width` × `height`."""
    last = max(len(values) - 1, 1)
    points = (
        f"{coordinate(i * width / last)} {coordinate(height - float(v) / top * height)}"
        for i, v in enumerate(values)
    )
    return "M" + "L".join(points)


def quantity(value: Number) -> str:
    """A value for people: whole above 100, else one decimal."""
    number = float(value)
    places = 0 if abs(number) >= 100 or number.is_integer() else 1
    return formats.number(number, places)


def with_unit(text: str, unit: str) -> str:
    """Currency signs lead, other units follow."""
    if not unit:
        return text
    return f"{unit}\u202f{text}" if unit == "€" else f"{text}\u202f{unit}"
