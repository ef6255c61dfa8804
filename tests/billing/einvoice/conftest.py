"""The rules of the standards for tests that are marked `einvoice`. They skip loudly where the rules
are not installed; in CI nothing may skip (`POLDER_REQUIRE_ENGINES`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from billing.einvoice import rules
from billing.einvoice.judging import worker
from billing.einvoice.profiles import Profile
from tests.billing.einvoice.second import SecondOpinion, missing
from tests.billing.einvoice.verdicts import Verdicts


@pytest.fixture(scope="session")
def einvoice_rules() -> Iterator[Path]:
    """Their folder. The process that applies them ends with the tests."""
    if not rules.is_installed():
        pytest.skip("NO RULES: run make einvoice-rules")
    yield rules.folder()
    worker(rules.folder()).close()


@pytest.fixture(scope="session")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecondOpinion]:
    """phive, veraPDF and Mustang, in one process for all tests."""
    if why := missing():
        pytest.skip(f"NO SECOND OPINION: {why}")
    opinion = SecondOpinion(tmp_path_factory.mktemp("second"))
    yield opinion
    opinion.close()


@pytest.fixture(scope="session")
def verdicts() -> Iterator[Verdicts]:
    """Who said what of each VAT case in each shape; a table of it at the end, for `pytest -s`."""
    said = Verdicts()
    yield said
    print(said.table())


@pytest.fixture(scope="session")
def mutation_report() -> Iterator[dict[str, dict[Profile, set[str]]]]:
    """Collects what caught each mutation; printed at the end, for `pytest -rA -s`."""
    report: dict[str, dict[Profile, set[str]]] = {}
    yield report
    caught = sum(all(found.values()) for found in report.values())
    print(f"\n{caught} of {len(report)} mutations caught in every profile they are written in:")
    for name, found in report.items():
        print(f"{name}: " + "; ".join(f"{p} {', '.join(sorted(c))}" for p, c in found.items()))
