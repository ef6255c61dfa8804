"""Cursor pagination: a page begins after the last row of the one before, so that rows which come
and go meanwhile neither repeat nor hide others, and the thousandth page costs what the first does.

A cursor is encrypted: it carries a database key, and nobody can make one up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter, itemgetter
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from portal.api.answers import json_response
from portal.api.base import View
from portal.api.errors import InvalidQuery
from portal.api.reading import read_moment
from portal.kernel import crypto, prepared

PAGE_SIZE = 50
Shape = Callable[[Sequence[Any]], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Order:
    """By `field` (empty: by age alone), then by key."""

    field: str = ""
    descending: bool = True
    key: str = "pk"

    def columns(self) -> tuple[str, ...]:
        return (self.field, self.key) if self.field else (self.key,)

    def sorted(self, rows: QuerySet[Any, Any], *, backwards: bool) -> QuerySet[Any, Any]:
        sign = "-" if self.descending != backwards else ""
        return rows.order_by(*(f"{sign}{column}" for column in self.columns()))

    def beyond(self, values: Sequence[Any], *, backwards: bool) -> Q:
        """The rows that stand behind those with `values`."""
        word = "lt" if self.descending != backwards else "gt"
        if not self.field:
            return Q(**{f"{self.key}__{word}": values[0]})
        first, key = values
        same = Q(**{self.field: first, f"{self.key}__{word}": key})
        return Q(**{f"{self.field}__{word}": first}) | same


@dataclass(frozen=True, slots=True)
class Hot:
    """A queryset for `portal.kernel.prepared`: `build` makes it, given marks for `values`."""

    key: tuple[Any, ...]
    build: Callable[[Mapping[str, Any]], QuerySet[Any, Any]]
    values: dict[str, Any]


def chosen_order(view: View, fields: dict[str, str], *, key: str = "pk") -> Order:
    """What `?ordering=` asks for; newest first without it. `fields` maps its names to columns, an
    empty column meaning the key itself.
    """
    wanted = view.query.get("ordering", "")
    if not wanted:
        return Order(key=key)
    return Order(fields[wanted.removeprefix("-")], wanted.startswith("-"), key)


def paged(view: View, rows: QuerySet[Any, Any] | Hot, order: Order, shape: Shape) -> HttpResponse:
    """One page of `rows` (of models, or of `values()` that hold the order's columns)."""
    size = view.query.get("page_size", PAGE_SIZE)
    cursor = _read(view.query.get("cursor", ""), order)
    backwards = bool(cursor and cursor[0])
    ends = cursor[1] if cursor else None
    if isinstance(rows, Hot):
        page = _hot_rows(rows, order, ends, backwards, size + 1)
    else:
        page = list(_after(rows, order, ends, backwards)[: size + 1])
    more, page = len(page) > size, page[:size]
    if backwards:
        page.reverse()
    onward = bool(page) and (more if not backwards else True)
    back = bool(page) and (more if backwards else cursor is not None)
    return json_response(
        {
            "results": shape(page),
            "next": _link(view.http, order, page[-1], backwards=False) if onward else None,
            "previous": _link(view.http, order, page[0], backwards=True) if back else None,
        }
    )


def _after(
    rows: QuerySet[Any, Any], order: Order, ends: Sequence[Any] | None, backwards: bool
) -> QuerySet[Any, Any]:
    found = order.sorted(rows, backwards=backwards)
    return found if ends is None else found.filter(order.beyond(ends, backwards=backwards))


def _hot_rows(
    hot: Hot, order: Order, ends: Sequence[Any] | None, backwards: bool, size: int
) -> list[Any]:
    names = [f"end{number}" for number in range(len(ends or ()))]
    values = hot.values | dict(zip(names, ends or (), strict=True))
    marks = prepared.marks_for(values)

    def build() -> QuerySet[Any, Any]:
        marked = [marks[name] for name in names] if ends is not None else None
        return _after(hot.build(marks), order, marked, backwards)[:size]

    form = (hot.key, order, backwards, ends is not None, size)
    return prepared.rows(form, build, marks, **values)


def paged_list(view: View, items: Sequence[Any], shape: Shape) -> HttpResponse:
    """The same for what is in memory: the catalogue, the regions."""
    size, order = view.query.get("page_size", PAGE_SIZE), Order(key="offset")
    cursor = _read(view.query.get("cursor", ""), order)
    start = int(cursor[1][0]) if cursor else 0

    def link(offset: int) -> str:
        return _url(view.http, [False, "offset", [offset]])

    return json_response(
        {
            "results": shape(items[start : start + size]),
            "next": link(start + size) if start + size < len(items) else None,
            "previous": link(max(start - size, 0)) if start else None,
        }
    )


def _link(request: HttpRequest, order: Order, row: Any, *, backwards: bool) -> str:
    names = ["id" if name == "pk" and isinstance(row, dict) else name for name in order.columns()]
    get = itemgetter if isinstance(row, dict) else attrgetter
    values = [_plain(get(name)(row)) for name in names]
    return _url(request, [backwards, _sort(order), values])


def _url(request: HttpRequest, content: list[Any]) -> str:
    query = request.GET.copy()
    query["cursor"] = crypto.encrypt(json.dumps(content))
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


def _sort(order: Order) -> str:
    return f"{'-' if order.descending else ''}{order.field}/{order.key}"


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return {"at": value.isoformat()}
    return {"day": value.isoformat()} if isinstance(value, date) else value


def _value(plain: Any) -> Any:
    if not isinstance(plain, dict):
        return plain
    return read_moment(plain["at"]) if "at" in plain else date.fromisoformat(plain["day"])


def _read(text: str, order: Order) -> tuple[bool, list[Any]] | None:
    """(whether it leads back, the values at its end). Raises: InvalidQuery."""
    if not text:
        return None
    try:
        backwards, sort, values = json.loads(crypto.decrypt(text))
    except (ImproperlyConfigured, ValueError, TypeError):
        sort = ""
    if sort != (_sort(order) if order.key != "offset" else "offset"):
        said = _("This cursor does not belong to this list, or to this ordering.")
        raise InvalidQuery(
            [{"pointer": "?cursor", "code": "invalid", "detail": said}], code="bad-cursor"
        )
    return backwards, [_value(value) for value in values]
