"""Whether a service would do with a smaller plan. Pure.

What it needs is worked out from what it took, measured by the minute: of the processor the 95th
percentile and 15 % (to be sure, the 99.5th and 20 %), where each day counts half of the one after
it; of memory the highest 99th percentile of a day among eight, and 20 %; of storage the most that
it kept, and 20 %. A plan is proposed only if no hour of the last fortnight would have filled it to
more than nine tenths.

Source: shared design, billing 1.9 (right-sizing).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from services.instances.histograms import fading, quantile
from services.instances.utilisation import Day, Hour
from services.spec import Plan

RULE, VERSION = "right-size", 1
LOOK_BACK_DAYS = 14
LEAST_HOURS = 30
_MEMORY_DAYS = 8
_P95, _P99, _P995 = Fraction(95, 100), Fraction(99, 100), Fraction(995, 1000)
_LEAST_SHARE, _LEAST_EUROS = Decimal("0.05"), Decimal(2)  # of a month, below which nobody is asked
_FULL_PERCENT = 90
_SURE_HOURS, _FAIR_HOURS = 240, 72


@dataclass(frozen=True, slots=True)
class Need:
    """Thousandths of a processor, MiB; `hours` were measured. `cpu_sure` is the need of who wants
    to be sure. `cache_mib`: data that fit into memory as it is, and should still do.
    """

    hours: int
    cpu_p95: int
    cpu_p995: int
    cpu: int
    cpu_sure: int
    memory_p99: int
    memory: int
    storage: int
    cache: int = 0
    connections: int | None = None


@dataclass(frozen=True, slots=True)
class Simulated:
    """The hours of the last fortnight on a plan: how many there are, how many would have been
    fuller than nine tenths, and the fullest of each, in per cent.
    """

    hours: int
    too_full: int
    cpu_percent: int
    memory_percent: int


@dataclass(frozen=True, slots=True)
class Priced:
    """A plan that the service could change to, and what it costs a month."""

    plan: Plan
    monthly: Decimal


@dataclass(frozen=True, slots=True)
class Proposal:
    plan: Plan
    saving: Decimal
    need: Need
    simulated: Simulated
    confidence: str  # high | medium | low


def need_of(days: Sequence[Day], today: date, *, caches: int | None = None) -> Need | None:
    """None with less than 30 hours of data in 14 days. `caches` is the memory (MiB) of a service
    that keeps its data on disk and what is used of them in memory.
    """
    recent = [day for day in days if 0 <= (today - day.day).days < LOOK_BACK_DAYS]
    hours = [hour for day in recent for hour in day.hours]
    if len(hours) < LEAST_HOURS:
        return None
    faded = fading(((today - day.day).days, day.cpu) for day in recent)
    p95, p995 = quantile(faded, _P95), quantile(faded, _P995)
    newest = [day for day in recent if (today - day.day).days < _MEMORY_DAYS]
    memory = max((quantile(day.memory, _P99) for day in newest), default=0)
    kept = max((day.storage_mib or 0 for day in recent), default=0)
    known = [hour.connections_max for hour in hours if hour.connections_max is not None]
    return Need(
        hours=len(hours),
        cpu_p95=p95,
        cpu_p995=p995,
        cpu=_more(p95, 15),
        cpu_sure=_more(p995, 20),
        memory_p99=memory,
        memory=_more(memory, 20),
        storage=_more(kept, 20),
        cache=kept if caches is not None and kept <= caches else 0,
        connections=max(known) if known else None,
    )


def _more(value: int, percent: int) -> int:
    return -(-value * (100 + percent) // 100)


def fits(plan: Plan, need: Need, *, sure: bool = False) -> bool:
    """Whether a node of `plan` has what is needed, in every dimension."""
    cpu = max(need.cpu, need.cpu_sure) if sure else need.cpu
    return (
        plan.vcpu * 1000 >= cpu
        and plan.memory_mib >= max(need.memory, need.cache)
        and (not plan.storage_gib or plan.storage_gib * 1024 >= need.storage)
    )


def simulated(hours: Iterable[Hour], plan: Plan) -> Simulated:
    """Processors on the average of an hour, memory at its highest: there is no more of it."""
    cores = int(plan.vcpu * 1000)
    shares = [(hour.cpu * 100 // cores, hour.memory_max * 100 // plan.memory_mib) for hour in hours]
    return Simulated(
        len(shares),
        sum(max(share) > _FULL_PERCENT for share in shares),
        max((cpu for cpu, _ in shares), default=0),
        max((memory for _, memory in shares), default=0),
    )


def propose(
    days: Sequence[Day],
    today: date,
    current: Priced,
    others: Iterable[Priced],
    *,
    caches: bool = False,
) -> Proposal | None:
    """The cheapest of `others` of the same kind (`single` stays `single`) that is large enough;
    None where it would not save 5 % and 2 euro a month, or too little was measured.
    """
    need = need_of(days, today, caches=current.plan.memory_mib if caches else None)
    if need is None:
        return None
    hours = [hour for day in days for hour in day.hours if (today - day.day).days < LOOK_BACK_DAYS]
    least = max(current.monthly * _LEAST_SHARE, _LEAST_EUROS)
    for other in sorted(others, key=lambda priced: (priced.monthly, priced.plan.id)):
        saving = current.monthly - other.monthly
        if kind_of(other.plan) != kind_of(current.plan) or saving <= least:
            continue
        tried = simulated(hours, other.plan)
        if fits(other.plan, need) and not tried.too_full:
            sure = fits(other.plan, need, sure=True) and not (caches and not need.cache)
            return Proposal(other.plan, saving, need, tried, _confidence(need, sure=sure))
    return None


def kind_of(plan: Plan) -> str:
    """`ha` of `ha-2x8`: what was promised goes by it."""
    return plan.id.partition("-")[0]


def _confidence(need: Need, *, sure: bool) -> str:
    if sure and need.hours >= _SURE_HOURS:
        return "high"
    return "medium" if need.hours >= _FAIR_HOURS else "low"
