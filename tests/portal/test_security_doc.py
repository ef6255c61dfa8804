"""docs/security.md claims nothing that is not there."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text()
ROWS = re.findall(
    r"^\| (\d+\.\d+\.\d+) \| (.+?) \| (met|not applicable|not yet) \| (.+) \|$", PAGE, re.M
)
NAMED = re.findall(r"`([\w./-]+\.(?:py|md|js|html|toml|txt|in))(?:::(\w+))?`", PAGE)


@cache
def functions(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("path", "test"), sorted(set(NAMED)))
def test_what_is_named_is_there(path, test):
    assert (ROOT / path).is_file()
    assert not test or test in functions(path)


def test_each_requirement_stands_once_and_in_order():
    numbers = [tuple(map(int, number.split("."))) for number, *_ in ROWS]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == len(re.findall(r"^\| \d+\.\d+\.\d+ ", PAGE, re.M))


def test_what_is_met_names_where():
    assert [row for row in ROWS if row[2] == "met" and "`" not in row[3]] == []


def test_the_sums_are_right():
    sums = Counter(state for _, _, state, _ in ROWS)
    said = re.search(r"Of (\d+) requirements (\d+) are met, (\d+) do not apply, (\d+) are", PAGE)
    assert said is not None
    assert [int(one) for one in said.groups()] == [
        len(ROWS),
        sums["met"],
        sums["not applicable"],
        sums["not yet"],
    ]
