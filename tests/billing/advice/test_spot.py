"""What could run on spare capacity."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.advice import spot

TAGS = {"workload": "batch", "checkpoints": "yes"}
RUNS = [timedelta(hours=2), timedelta(hours=5)]


def told(tags=TAGS, runs=RUNS, factors=(Decimal("0.3"), Decimal("0.4"))):
    return spot.candidate(
        tags,
        runs,
        factors,
        taken_away_per_hour=Decimal("0.05"),
        checkpoint=timedelta(minutes=30),
    )


def test_the_saving_is_what_spare_capacity_cost_less_of_late():
    found = told()
    assert found.share == Decimal("0.65")
    assert (found.runs, found.longest) == (2, timedelta(hours=5))
    assert found.rework_percent == Decimal("1.25")  # 0.05 × 0.5 h ÷ 2


@pytest.mark.parametrize(
    "tags",
    [{}, {"workload": "batch"}, {"checkpoints": "yes"}, {"interruptible": "no", "checkpoints": ""}],
)
def test_nothing_is_guessed(tags):
    assert told(tags) is None


def test_interruptible_is_a_word_too():
    assert told({"interruptible": "true", "checkpoints": ""}) is not None


def test_long_runs_and_dear_capacity_are_no_candidates():
    assert told(runs=[timedelta(hours=6)]) is None
    assert told(runs=[]) is None
    assert told(factors=()) is None
    assert told(factors=(Decimal(1),)) is None
