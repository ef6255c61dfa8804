"""Advice in words, in the reader's language: what to do, and the figures that say so."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from billing.formats import money
from portal.kernel.formats import number
from portal.kernel.money import Money
from services import registry

if TYPE_CHECKING:
    from billing.models import Recommendation

_GIB = Decimal(1024)


def title(row: Recommendation, name: str) -> str:
    """`name` is how the reader knows the service."""
    proposed = {"name": name, "plan": row.current.get("plan", ""), **row.proposed}
    if row.kind == "reserve":
        proposed["pieces"] = sum(layer["pieces"] for layer in row.proposed["layers"])
        proposed["offering"] = offering_name(row.proposed["offering"])
        return _("Reserve %(pieces)s × %(offering)s %(plan)s in %(region)s") % proposed
    if row.kind == "right_size":
        proposed["before"] = row.current["plan"]
        return _("Change %(name)s from %(before)s to %(plan)s") % proposed
    if row.kind == "spot":
        return _("Run %(name)s on spare capacity") % proposed
    if row.proposed.get("action") == "delete":
        return _("Delete %(name)s, which nobody uses") % proposed
    return _("Pause %(name)s, which nobody uses") % proposed


def reasons(row: Recommendation) -> list[str]:
    """The figures that the rule used, a sentence each."""
    if row.kind == "reserve":
        return _reserve(row)
    if row.kind == "spot":
        return _spot(row.evidence)
    return _size(row) if row.kind == "right_size" else _idle(row.evidence)


def offering_name(slug: str) -> str:
    entry = registry.entries().get(slug)
    return entry.offering.name if entry else slug


def _reserve(row: Recommendation) -> list[str]:
    found = row.evidence
    used = {name: number(Decimal(value)) for name, value in found["use"].items()}
    sums = {
        name: money(Money(Decimal(found[name]), row.currency))
        for name in ("saving_least", "saving_most", "saving_if_less", "regret_if_less")
    }
    days = number(Decimal(found["days"]))
    return [
        _(
            "In the last %(days)s days between %(least)s and %(most)s of it ran at once, half of "
            "the days %(median)s or more; what is reserved already is taken off."
        )
        % {"days": days, **used},
        _(
            "It would have covered %(covered)s %% of the use, and %(used)s %% of it would have "
            "been used."
        )
        % {
            "covered": number(Decimal(found["covered_percent"])),
            "used": number(Decimal(found["used_percent"])),
        },
        _("Over the last 30, 60 and 90 days it would have saved %(least)s to %(most)s a month.")
        % {"least": sums["saving_least"], "most": sums["saving_most"]},
        _(
            "If a fifth less is used, it saves %(saving)s a month; less would have been better by "
            "%(regret)s."
        )
        % {"saving": sums["saving_if_less"], "regret": sums["regret_if_less"]},
    ]


def _size(row: Recommendation) -> list[str]:
    need, tried = row.evidence["need"], row.evidence["simulated"]
    found = [
        _(
            "Measured in %(hours)s hours of two weeks: 95 %% of the time it took at most %(cpu)s "
            "vCPU, and of memory at most %(memory)s GiB."
        )
        % {
            "hours": number(Decimal(need["hours"])),
            "cpu": cores(need["cpu_p95"]),
            "memory": gib(need["memory_p99"]),
        },
        _("With room to spare it needs %(cpu)s vCPU and %(memory)s GiB.")
        % {"cpu": cores(need["cpu"]), "memory": gib(max(need["memory"], need["cache"]))},
        _(
            "On %(plan)s none of these hours would have been fuller than 90 %%: at most %(cpu)s %% "
            "of its processors and %(memory)s %% of its memory."
        )
        % {
            "plan": row.proposed["plan"],
            "cpu": number(Decimal(tried["cpu_percent"])),
            "memory": number(Decimal(tried["memory_percent"])),
        },
    ]
    if row.confidence != "high":
        found.append(
            _("To be sure, wait until ten days are measured and even the highest peaks fit.")
        )
    return found


def _spot(evidence: dict[str, Any]) -> list[str]:
    hours = Decimal(evidence["spot_hours"])
    found = [
        _(
            "By its tags it may be interrupted and writes checkpoints. In the last 30 days it ran "
            "%(runs)s times and %(hours)s hours in all, never longer than %(minutes)s minutes."
        )
        % {
            "runs": number(Decimal(evidence["runs"])),
            "hours": number(Decimal(evidence["ran_hours"])),
            "minutes": number(Decimal(evidence["longest_minutes"])),
        },
        _("Spare capacity cost %(percent)s %% of the list price in that time, on average.")
        % {"percent": number(Decimal(evidence["factor"]) * 100)},
    ]
    if hours:
        text = _(
            "It was taken away %(times)s times in %(hours)s service-hours of the region, so about "
            "%(percent)s %% of the work is done twice, with a checkpoint every hour."
        )
        found.append(
            text
            % {
                "times": number(Decimal(evidence["interruptions"])),
                "hours": number(hours),
                "percent": number(Decimal(evidence["rework_percent"])),
            }
        )
    else:
        found.append(
            _("Nothing ran on spare capacity there yet: how often it is taken away is open.")
        )
    return found


def _idle(evidence: dict[str, Any]) -> list[str]:
    params = {
        "days": number(Decimal(evidence["days"])),
        "hours": number(Decimal(evidence["hours"])),
        "percent": number(Decimal(evidence["cpu_percent"])),
    }
    if evidence["because"] == "no-clients":
        text = _(
            "No client was connected in the last %(days)s days; %(hours)s hours were measured."
        )
    else:
        text = _(
            "In no minute of the last %(days)s days did it take more than %(percent)s %% of its "
            "processors; %(hours)s hours were measured."
        )
    return [text % params, _("Paused, it costs its storage only, and comes back with its data.")]


def cores(millicores: int) -> str:
    return number(Decimal(millicores) / 1000, 2)


def gib(mib: int) -> str:
    return number(Decimal(mib) / _GIB, 1)
