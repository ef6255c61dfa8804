"""A dataset as a file. CSV comes straight out of PostgreSQL; Parquet is made of that very CSV, so
both say the same.

Source: FOCUS specification 1.2, attributes “numeric format” and “date/time format”; Apache Parquet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from django.db import connection, transaction

from billing.focus.columns import Column, Dataset, Kind, columns_of
from billing.focus.rows import Scope, query

CSV, PARQUET = "csv", "parquet"
# What a file is sent as.
FORMATS = {CSV: "text/csv; charset=utf-8", PARQUET: "application/vnd.apache.parquet"}
_CHUNK = 1 << 16
_ROWS = 1 << 16  # of a group in a Parquet file
_DIGITS = 38


def csv_of(dataset: Dataset, version: str, scope: Scope) -> Iterator[bytes]:
    """The file with its header, by the chunk; holds its connection until it is read or closed."""
    sql, values = query(dataset, version, scope)
    with transaction.atomic(), connection.cursor() as cursor:
        # Workers in parallel would hand over rows in another order each time.
        cursor.execute("set local max_parallel_workers_per_gather = 0")
        cursor.execute("set local work_mem = '128MB'")
        held = bytearray()
        with cursor.copy(f"copy ({sql}) to stdout (format csv, header)", values) as rows:
            for row in rows:
                held += row
                if len(held) >= _CHUNK:
                    yield bytes(held)
                    held.clear()
        yield bytes(held)


def write(
    dataset: Dataset, version: str, scope: Scope, name: str, out: IO[bytes], spool: IO[bytes]
) -> None:
    """Writes format `name` to `out`; Parquet by way of `spool`, which then holds the CSV."""
    target = out if name == CSV else spool
    for chunk in csv_of(dataset, version, scope):
        target.write(chunk)
    if name == PARQUET:
        spool.seek(0)
        to_parquet(columns_of(dataset, version), spool, out)


def to_parquet(columns: tuple[Column, ...], source: IO[bytes], out: IO[bytes]) -> None:
    """Decimals of the same scale as in the CSV, moments in UTC. The same CSV makes the same bytes.

    Both files are whatever the operating system or memory holds: they are read and written here.
    """
    from arro3.core import Schema
    from arro3.io import read_csv, write_parquet

    rows = read_csv(source, Schema([_field(c) for c in columns]), has_header=True, batch_size=_ROWS)
    write_parquet(rows, out, compression="zstd(3)", max_row_group_size=_ROWS, created_by="polder")


def _field(column: Column) -> Any:
    from arro3.core import DataType, Field

    if column.kind.scale is not None:
        kind = DataType.decimal128(_DIGITS, column.kind.scale)
    elif column.kind is Kind.MOMENT:
        kind = DataType.timestamp("ms", tz="UTC")
    else:
        kind = DataType.string()
    return Field(column.name, kind, nullable=not column.required)
