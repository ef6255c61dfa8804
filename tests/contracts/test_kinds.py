"""`make test` looks for a kind of tests where the Makefile says: none may lie elsewhere, unrun."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_HOME = re.compile(r"^IN_(\w+) := (\S+)$", re.MULTILINE)
_OTHER = re.compile(r"\$\(PYTEST\) -m '?(\w+)[^\n]*?((?: tests/\w+)+) \$\(ARGS\)$", re.MULTILINE)


def homes() -> dict[str, tuple[str, ...]]:
    text = (ROOT / "Makefile").read_text()
    return {kind: (home,) for kind, home in _HOME.findall(text)} | {
        kind: tuple(homes.split()) for kind, homes in _OTHER.findall(text)
    }


@pytest.mark.parametrize(
    "kind", ["browser", "kubernetes", "soak", "einvoice", "focus", "numbers", "engine"]
)
def test_every_test_of_a_kind_is_found(kind: str) -> None:
    marked = re.compile(rf"\bmark\.{kind}\b")
    found = [path for path in ROOT.glob("tests/**/*.py") if marked.search(path.read_text())]
    assert found
    for path in found:
        assert any(path.is_relative_to(ROOT / home) for home in homes()[kind]), path
