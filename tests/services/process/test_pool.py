"""Directories made ahead of orders."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from portal.kernel import stopping
from services import registry
from services.backends.process import pool


def test_a_worker_that_must_stop_makes_no_further_directory(
    tmp_path: Path, monkeypatch: Any
) -> None:
    """It is waited for: with many engines here, filling up takes minutes."""
    entry = registry.entries()["postgresql"]
    monkeypatch.setattr(stopping, "_told", threading.Event())
    monkeypatch.setattr(
        pool, "_ready_engines", lambda: iter([(entry, "17", "a"), (entry, "16", "b")])
    )
    made: list[Path] = []

    def prepare(_home: Path, folder: Path, *_: Any) -> bool:
        made.append(folder / f"{len(made):08x}")
        made[-1].mkdir(parents=True)
        if len(made) == 2:
            stopping.tell()
        return True

    monkeypatch.setattr(pool, "_prepare", prepare)
    assert pool.refill(tmp_path) == len(made) == 2

    monkeypatch.setattr(stopping, "_told", threading.Event())
    assert pool.refill(tmp_path) == 2 * pool.KEEP - 2
