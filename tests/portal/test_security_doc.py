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


# How many requirements of levels 1 and 2 each section of ASVS 5.0.0 has: its first ones, as those
# of level 3 come last.
SECTIONS = {
    1: (2, 9, 11, 3, 2),
    2: (3, 3, 4, 1),
    3: (0, 2, 4, 6, 5, 0, 2),
    4: (3, 1, 2, 4),
    5: (1, 3, 2, 3),
    6: (3, 12, 4, 4, 5, 3, 0, 4),
    7: (3, 4, 2, 5, 2, 2),
    8: (2, 3, 1, 1),
    9: (3, 4),
    10: (2, 2, 4, 11, 5, 2, 3),
    11: (2, 3, 3, 4, 1, 1),
    12: (3, 2, 4),
    13: (1, 5, 2, 5),
    14: (2, 4, 3),
    15: (3, 3, 7),
    16: (1, 5, 4, 3, 3),
    17: (1, 4, 2),
}


def test_every_requirement_of_both_levels_is_there():
    wanted = {
        f"{chapter}.{section}.{number}"
        for chapter, sections in SECTIONS.items()
        for section, many in enumerate(sections, 1)
        for number in range(1, many + 1)
    }
    assert {number for number, *_ in ROWS} == wanted


def test_every_variable_is_told_to_the_operator():
    read = re.findall(r'"(POLDER_[A-Z_]+)"', (ROOT / "portal/conf/settings.py").read_text())
    told = (ROOT / "docs/operating.md").read_text()
    assert len(read) > 30
    assert [name for name in read if f"`{name}" not in told] == []


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
