"""Writes XML: a node that is called with a tag appends a child and answers it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from lxml import etree

from billing.einvoice.document import rounded


class Node:
    """`node("ram:ID", "x", schemeID="y")` appends `<ram:ID schemeID="y">x</ram:ID>`. Attributes
    without a value are left out.
    """

    def __init__(self, element: etree._Element, namespaces: Mapping[str | None, str]) -> None:
        self._element = element
        self._namespaces = namespaces

    def __call__(self, tag: str, text: object = None, **attributes: str) -> Node:
        prefix, _, name = tag.partition(":")
        given = {key: value for key, value in attributes.items() if value}
        child = etree.SubElement(self._element, f"{{{self._namespaces[prefix]}}}{name}", given)
        if text is not None:
            child.text = legal_text(str(text))
        return Node(child, self._namespaces)

    def written(self) -> bytes:
        written = etree.tostring(
            self._element, xml_declaration=True, encoding="UTF-8", pretty_print=True
        )
        return bytes(written)


def root(tag: str, namespace: str, namespaces: Mapping[str | None, str]) -> Node:
    element = etree.Element(f"{{{namespace}}}{tag}", nsmap=dict(namespaces))
    return Node(element, namespaces)


def money(amount: Decimal) -> str:
    """Two decimals. What needs more of them was not rounded where it should have been, and a check
    (`amount-digits`) has said so.
    """
    return format(rounded(amount), "f")


def decimal(value: Decimal) -> str:
    """All digits, no zeros behind them, no exponent: `1E-7` is no xs:decimal."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def day(value: date) -> str:
    return value.isoformat()


def compact_day(value: date) -> str:
    """As format 102 of UNTDID 2379 wants it."""
    return value.strftime("%Y%m%d")


def legal_text(text: str) -> str:
    """Without the control characters that XML has no way to write."""
    return "".join(c for c in text if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff"))
