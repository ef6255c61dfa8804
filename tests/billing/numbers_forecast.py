"""How good forecast and anomalies are on seeded accounts. Not part of the suite:

    python -m pytest tests/billing/numbers_forecast.py -s

prints, for three seeds of 600 accounts of which a quarter have a step: the mean error of the
month's forecast and the error that nine of ten stay below, after so many days, beside the run-rate;
how often the true sum lies in the band; how many spikes of 1.5 to 3 times are found, and how many
false alarms an account has in a month.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from billing.outlook.anomalies import LEAST_EXCESS, QUIET_DAYS, anomalies
from billing.outlook.forecast import forecast
from tests.billing import synthetic
from tests.billing.synthetic import MONTH, Account

COUNT, SEEDS = 600, (7, 8, 9)
END = MONTH + timedelta(days=31)


def truth_of(account: Account) -> Decimal:
    return sum((c for day, c in account.by_day.items() if MONTH <= day < END), Decimal(0))


def errors_of(accounts: list[Account], days: int) -> tuple[list[Decimal], list[Decimal], int]:
    """Errors of the forecast and of the run-rate, as shares; how many true sums lie in the band."""
    ours, run_rate, within = [], [], 0
    today = MONTH + timedelta(days=days)
    for account in accounts:
        known, truth = account.until(today), truth_of(account)
        found = forecast(known, month=MONTH, today=today)
        ours.append(abs(found.expected - truth) / truth)
        run_rate.append(abs(found.actual * 31 / days - truth) / truth)
        within += found.low <= truth <= found.high
    return sorted(ours), sorted(run_rate), within


def said(errors: list[Decimal]) -> str:
    mean, p90 = sum(errors) / len(errors) * 100, errors[len(errors) * 9 // 10] * 100
    return f"{mean:.2f} / {p90:.2f} %"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("days", [5, 10, 15, 20])
def test_forecast(seed: int, days: int) -> None:
    ours, run_rate, within = errors_of(synthetic.accounts(COUNT, seed), days)
    sys.stdout.write(
        f"\nseed {seed} day {days:>2}: mean/p90 {said(ours)}; run-rate {said(run_rate)}; "
        f"in the band {within * 100 // COUNT} %"
    )
    assert sum(ours) < sum(run_rate)
    assert ours[COUNT * 9 // 10] < run_rate[COUNT * 9 // 10]
    assert within >= COUNT * 7 // 10


@pytest.mark.parametrize("seed", SEEDS)
def test_anomalies(seed: int) -> None:
    rng = Random(seed)
    asked = small = quiet = found = false = 0
    for account in synthetic.accounts(COUNT, seed):
        alarms = [one.day for one in anomalies(account.by_day, first=MONTH, end=END)]
        false += sum(day != account.step for day in alarms)
        day = MONTH + timedelta(days=rng.randint(0, 30))
        factor = Decimal(rng.randint(150, 300)) / 100
        spiked = {**account.by_day, day: account.by_day[day] * factor}
        asked += 1
        small += account.by_day[day] * (factor - 1) <= LEAST_EXCESS
        quiet += any(0 < (day - one).days <= QUIET_DAYS for one in alarms)
        told = anomalies(spiked, first=MONTH, end=END)
        found += any(one.day == day for one in told)
    eligible = asked - small - quiet
    sys.stdout.write(
        f"\nseed {seed}: {found} of {asked} spikes found ({small} below {LEAST_EXCESS} euros, "
        f"{quiet} in the week after another); {found * 1000 // eligible / 10} % of the others; "
        f"false alarms per account-month {Decimal(false) / COUNT:.3f}"
    )
    assert found >= eligible * 9 // 10
    assert false <= COUNT // 5
