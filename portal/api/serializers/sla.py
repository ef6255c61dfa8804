"""How promises were kept in a month."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from portal.api.serializers.common import (
    BOOLEAN,
    DECIMAL,
    INTEGER,
    MOMENT,
    TEXT,
    Json,
    decimal,
    many,
    maybe,
    moment,
    money,
    ref,
    shape,
)

if TYPE_CHECKING:
    from billing.sla.reports import Outage, Report

SCHEMAS: dict[str, Json] = {
    "SlaReports": shape({"results": many(ref("SlaReport"))}),
    "SlaReport": shape(
        {
            "instance": TEXT,
            "name": TEXT,
            "month": TEXT,
            "settled": BOOLEAN,
            "target": DECIMAL,
            "measured": maybe(DECIMAL),
            "kept": BOOLEAN,
            "expected_minutes": INTEGER,
            "bad_minutes": INTEGER,
            "allowed_minutes": DECIMAL,
            "excluded_minutes": INTEGER,
            "unknown_minutes": INTEGER,
            "outages": many(shape({"start": MOMENT, "minutes": INTEGER, "incidents": many(TEXT)})),
            "performance": maybe(
                shape(
                    {
                        "within_ms": INTEGER,
                        "windows": INTEGER,
                        "slow_windows": INTEGER,
                        "measured": maybe(DECIMAL),
                        "kept": BOOLEAN,
                    }
                )
            ),
            "credit": shape(
                {
                    "percent": INTEGER,
                    "for_availability": INTEGER,
                    "for_performance": INTEGER,
                    "cost": DECIMAL,
                    "amount": ref("Money"),
                    "posted": many(
                        shape({"amount": DECIMAL, "month": TEXT, "invoice": maybe(TEXT)})
                    ),
                }
            ),
        }
    ),
}


def reports(found: Sequence[Report]) -> list[Json]:
    return [_report(one) for one in found]


def _report(one: Report) -> Json:
    measured = one.measured
    return {
        "instance": one.instance.public_id,
        "name": one.instance.name,
        "month": f"{one.month:%Y-%m}",
        "settled": one.settled,
        "target": decimal(measured.target),
        "measured": None if measured.share is None else decimal(measured.share),
        "kept": measured.is_kept,
        "expected_minutes": measured.expected,
        "bad_minutes": measured.bad,
        "allowed_minutes": decimal(measured.allowed),
        "excluded_minutes": measured.excluded,
        "unknown_minutes": measured.unknown,
        "outages": [_outage(outage) for outage in one.outages],
        "performance": _performance(one),
        "credit": _credit(one),
    }


def _outage(outage: Outage) -> Json:
    return {
        "start": moment(outage.start),
        "minutes": outage.minutes,
        "incidents": [incident.public_id for incident in outage.incidents],
    }


def _performance(one: Report) -> Json | None:
    measured = one.measured
    if measured.within is None:
        return None
    return {
        "within_ms": measured.within,
        "windows": measured.windows,
        "slow_windows": measured.slow,
        "measured": None if measured.fast_share is None else decimal(measured.fast_share),
        "kept": measured.is_fast,
    }


def _credit(one: Report) -> Json:
    credit = one.credit
    return {
        "percent": credit.percent,
        "for_availability": credit.for_time,
        "for_performance": credit.for_speed,
        "cost": decimal(credit.cost),
        "amount": money(credit.amount, one.instance.currency),
        "posted": [
            {
                "amount": decimal(part.amount),
                "month": f"{part.month:%Y-%m}",
                "invoice": part.invoice or None,
            }
            for part in one.posted
        ],
    }
