"""Queries compiled once.

Django puts the SQL of a query together anew at each call, which takes longer than PostgreSQL needs
for the answer. For the few queries of every request that matters: the queryset is built once, with
a mark in place of each value, and from then on only the values change. The rules stay written once,
as querysets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import JSONField, QuerySet

Row = dict[str, Any]
_MOST = 500
_compiled: dict[Any, Compiled] = {}
_lock = Lock()


def marks_for(values: Mapping[str, Any]) -> dict[str, Any]:
    """For each value one of its type that nothing else will ever be: integers, texts, times and
    lists of integers.
    """
    return {name: _mark(number, value) for number, (name, value) in enumerate(values.items())}


def _mark(number: int, value: Any) -> Any:
    if isinstance(value, list):
        return [-1_066_000_000 - number]
    if isinstance(value, datetime):
        return datetime(1066, 10, 1 + number, tzinfo=UTC)
    return f"\ue000{number}\ue001" if isinstance(value, str) else -1_066_000_000 - number


def _text(value: Any) -> str:
    """To compare by; the database adapter wraps the integers of a list."""
    return repr([int(one) for one in value] if isinstance(value, list) else value)


# What the database wrote has nothing around it: `json.loads` would look for that each time.
_read_json = json.JSONDecoder().raw_decode


class Compiled:
    """The SQL of a `values()` queryset, and which of its parameters are marks."""

    def __init__(self, queryset: QuerySet[Any, Any], marks: Mapping[str, Any]) -> None:
        query = queryset.query
        self.sql, parameters = query.sql_with_params()
        names = {_text(value): name for name, value in marks.items()}
        self.parameters = [(names.get(_text(value)), value) for value in parameters]
        missing = set(marks) - {name for name, _value in self.parameters}
        if missing:
            raise ValueError(f"the query does not use {', '.join(sorted(missing))}")
        compiler = query.get_compiler(connection=connection)
        compiler.setup_query()
        self.columns = [*query.values_select, *query.annotation_select]
        fields = [expression.output_field for expression, _sql, _alias in compiler.select]
        self.json = [
            column
            for column, field in zip(self.columns, fields, strict=True)
            if isinstance(field, JSONField)
        ]

    def rows(self, values: Mapping[str, Any]) -> list[Row]:
        parameters = [values[name] if name else value for name, value in self.parameters]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, parameters)
            found = [dict(zip(self.columns, row, strict=True)) for row in cursor.fetchall()]
        for name in self.json:
            for row in found:
                row[name] = _read_json(row[name])[0]
        return found


def rows(
    key: Any, build: Callable[[], QuerySet[Any, Any]], marks: Mapping[str, Any], **values: Any
) -> list[Row]:
    """The rows of the queryset that `build` makes with `marks`, with `values` in their place.

    `key` is everything that decides the form of the SQL. One query.
    """
    found = _compiled.get(key)
    if found is None:
        try:
            found = Compiled(build(), marks)
        except EmptyResultSet:  # whatever the values, nothing can match
            return []
        with _lock:
            if len(_compiled) >= _MOST:
                _compiled.clear()
            _compiled[key] = found
    return found.rows(values)
