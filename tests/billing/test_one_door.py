"""Changes that cost money go through `billing.orders.ordering` and nowhere else."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOOR = ROOT / "billing" / "orders" / "ordering.py"
MODULE = "services.instances.actions"
PAID = {"create", "update", "resume", "undelete"}


def _bound(tree: ast.AST) -> tuple[set[str], list[str]]:
    """Names that `tree` gives to the module, and paid functions that it imports by name."""
    names, taken = {MODULE}, []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {a.asname for a in node.names if a.name == MODULE and a.asname}
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.module == MODULE:
            taken += [a.name for a in node.names if a.name in PAID | {"*"}]
        if node.module == MODULE.rpartition(".")[0]:
            names |= {a.asname or a.name for a in node.names if a.name == "actions"}
    return names, taken


def paid_uses(source: str) -> list[str]:
    tree = ast.parse(source)
    names, taken = _bound(tree)
    used = [
        f"{ast.unparse(node)} in line {node.lineno}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in PAID
        and ast.unparse(node.value) in names
    ]
    return used + taken


@pytest.mark.parametrize(
    "source",
    [
        "from services.instances import actions\nactions.create(actor=a)",
        "from services.instances import actions as acts\nacts.resume(actor=a)",
        "from services.instances.actions import undelete",
        "from services.instances.actions import *",
        "import services.instances.actions\nservices.instances.actions.update(actor=a)",
        "import services.instances.actions as x\nx.create()",
        "from services.instances import actions\ngo = {'resume': actions.resume}",
    ],
)
def test_the_search_finds(source):
    assert paid_uses(source)


@pytest.mark.parametrize(
    "source",
    [
        "from services.instances import actions\nactions.pause(actor=a)",
        "from portal.tenancy import actions\nactions.create(actor=a)",
    ],
)
def test_the_search_leaves_the_rest_alone(source):
    assert not paid_uses(source)


def test_only_ordering_opens_what_costs_money():
    opened = {use.split()[0] for use in paid_uses(DOOR.read_text())}
    assert opened == {f"actions.{name}" for name in PAID}
    found = {
        str(path.relative_to(ROOT)): uses
        for package in ("portal", "billing", "services")
        for path in sorted((ROOT / package).rglob("*.py"))
        if path != DOOR and (uses := paid_uses(path.read_text()))
    }
    assert found == {}
