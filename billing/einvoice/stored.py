"""A document as JSON and back, without a loss: decimals and days as text."""

from __future__ import annotations

import dataclasses
from datetime import date
from decimal import Decimal
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from billing.einvoice.document import Document


def to_json(document: Document) -> dict[str, Any]:
    """Plain JSON; what is left at its default is there, too."""
    found = _plain(document)
    assert isinstance(found, dict)  # noqa: S101  # a dataclass is a dict
    return found


def from_json(stored: dict[str, Any]) -> Document:
    """The document that `to_json` was given. Raises: KeyError, TypeError, ValueError for others."""
    made = _made(Document, stored)
    assert isinstance(made, Document)  # noqa: S101  # as asked
    return made


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"is": type(value).__name__, **fields}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, date):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


def _made(kind: Any, value: Any) -> Any:
    """`value` as what a field of type `kind` holds."""
    if get_origin(kind) in (Union, UnionType):
        return _chosen(get_args(kind), value)
    if get_origin(kind) is tuple:
        return tuple(_made(get_args(kind)[0], one) for one in value)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{name: _made(hints[name], value[name]) for name in hints})
    if kind is date:
        return date.fromisoformat(value)
    if kind is Decimal or issubclass(kind, Enum):
        return kind(value)
    return value


def _chosen(kinds: tuple[Any, ...], value: Any) -> Any:
    """Nothing, or the one of several dataclasses whose name it carries."""
    if value is None:
        return None
    real = [kind for kind in kinds if kind is not type(None)]
    if len(real) == 1:
        return _made(real[0], value)
    return _made(next(kind for kind in real if kind.__name__ == value["is"]), value)
