"""Work that is done by one at a time, however many begin it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def alone(key: int) -> Generator[bool]:
    """Whether this connection got the lock `key`; if so it holds it until the end, across its
    transactions. The lock of a worker that dies falls with its connection.
    """
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s)", [key])
        mine = cursor.fetchone()[0]
    try:
        yield mine
    finally:
        if mine:
            with connection.cursor() as cursor:
                cursor.execute("select pg_advisory_unlock(%s)", [key])
