"""There is no float where money is."""

import ast
from pathlib import Path

import pytest

BILLING = Path(__file__).parents[2] / "billing"
FLOATING = {"float", "FloatField", "fsum"}


def floats(source: str) -> list[str]:
    """Float literals and names of float things, with their lines."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            found.append(f"{node.lineno}: {node.value!r}")
        name = getattr(node, "id", None) or getattr(node, "attr", None) or ""
        if name in FLOATING or name in {"monotonic", "perf_counter"}:
            found.append(f"{node.lineno}: {name}")
    return found


@pytest.mark.parametrize(
    "source",
    [
        "x = 0.1",
        "x: float",
        "float('1')",
        "models.FloatField()",
        "def f() -> float: ...",
        "a = 1e3",
    ],
)
def test_the_search_finds(source):
    assert floats(source)


def test_billing_has_none():
    modules = sorted(BILLING.rglob("*.py"))
    assert len(modules) > 10
    assert {str(p): found for p in modules if (found := floats(p.read_text()))} == {}


def test_price_columns_are_numeric_or_text():
    from billing.models import Order, Price

    kinds = {f.get_internal_type() for m in (Price, Order) for f in m._meta.get_fields()}
    assert "FloatField" not in kinds
    assert Price._meta.get_field("free_quantity").get_internal_type() == "DecimalField"
