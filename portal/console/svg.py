"""Small safe builders for SVG and HTML made in Python."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe


def el(tag: str, *children: str, **attributes: object) -> SafeString:
    """An element. Everything that is not marked safe is escaped.

    Underscores of attribute names become dashes, a trailing one is dropped: `class_`, `aria_label`.
    """
    pairs = "".join(
        f' {name.strip("_").replace("_", "-")}="{conditional_escape(value)}"'
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
