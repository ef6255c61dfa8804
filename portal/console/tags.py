"""Tags in forms: a row of two fields for each, and two empty rows to write in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.http import QueryDict
from django.utils.translation import gettext as _

from portal.kernel.errors import Invalid

_EMPTY = 2
Pair = tuple[str, str]


def rows(tags: Mapping[str, str]) -> list[Pair]:
    return [*sorted(tags.items()), *[("", "")] * _EMPTY]


def typed_rows(data: QueryDict) -> list[Pair]:
    """As they were typed, faults included."""
    return [*_pairs(data), *[("", "")] * _EMPTY]


def typed(data: QueryDict) -> dict[str, str] | None:
    """The tags of a form; None when it has none to send. Raises: Invalid."""
    if "tag-name" not in data:
        return None
    pairs = _pairs(data)
    found = dict(pairs)
    if "" in found:
        raise Invalid({"tags": _("Give the value “%(value)s” a name.") % {"value": found[""]}})
    if len(found) < len(pairs):
        raise Invalid({"tags": _("“%(name)s” is there twice.") % {"name": _twice(pairs)}})
    return found


def _pairs(data: QueryDict) -> list[Pair]:
    names, values = data.getlist("tag-name"), data.getlist("tag-value")
    both = zip(names, values, strict=False)
    return [(n.strip(), v.strip()) for n, v in both if n.strip() or v.strip()]


def _twice(pairs: Iterable[Pair]) -> str:
    seen: set[str] = set()
    for name, _value in pairs:
        if name in seen:
            return name
        seen.add(name)
    return ""
