"""Budgets, what they would do, orders that wait for approval, and the forecast of a month."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from billing.budgets import rules
from billing.budgets.standing import Standing
from portal.api.serializers.common import (
    BOOLEAN,
    DECIMAL,
    INTEGER,
    MOMENT,
    TEXT,
    Json,
    body,
    decimal,
    many,
    maybe,
    moment,
    money,
    one_of,
    ref,
    shape,
)
from services.spec import gettext_noop

if TYPE_CHECKING:
    from billing.budgets.rehearsal import Rehearsal
    from billing.models import Budget, Order
    from billing.outlook.queries import Outlook

_PERCENT = {"type": "integer", "minimum": 1, "maximum": rules.MOST_PERCENT}
THRESHOLD = {
    "kind": one_of(*rules.KINDS),
    "percent": _PERCENT,
    "action": one_of(*rules.ACTIONS),
}
TAG = body(
    {"key": {"type": "string", "maxLength": 40}, "value": {"type": "string", "maxLength": 80}},
    required=("key", "value"),
)
FIELDS: dict[str, Json] = {
    "name": {"type": "string", "minLength": 1, "maxLength": rules.MOST_NAME},
    "amount": {**DECIMAL, "description": gettext_noop("A calendar month, net, in euros.")},
    "thresholds": {
        **many(body(THRESHOLD, required=tuple(THRESHOLD))),
        "minItems": 1,
        "maxItems": rules.MOST_THRESHOLDS,
    },
    "pauses": {
        **TAG,
        "description": gettext_noop("The tag of services that may be paused; env, dev at first."),
    },
    "webhooks_of": {
        **TEXT,
        "description": gettext_noop(
            "The project whose webhooks hear of a budget that is for none; empty: nobody's."
        ),
    },
}
_STATES = ("placed", "awaiting_approval", "refused")

SCHEMAS: dict[str, Json] = {
    "Budget": shape(
        {
            "id": TEXT,
            "organisation": TEXT,
            "name": TEXT,
            "scope": one_of("organisation", "project", "tag"),
            "project": maybe(TEXT),
            "tag": maybe(TAG),
            "amount": ref("Money"),
            "thresholds": many(shape(THRESHOLD)),
            "pauses": TAG,
            "webhooks_of": TEXT,
            "month": TEXT,
            "actual": ref("Money"),
            "expected": ref("Money"),
            "created_at": MOMENT,
        }
    ),
    "BudgetDryRun": shape(
        {
            "thresholds": many(
                shape({**THRESHOLD, "reached": BOOLEAN, "told": BOOLEAN, "acts_now": BOOLEAN})
            ),
            "mails": many(TEXT),
            "webhooks": many(TEXT),
            "orders": one_of("allowed", "approval", "refused"),
            "pauses": many(TEXT),
            "pauses_now": BOOLEAN,
        }
    ),
    "BudgetUse": shape(
        {
            "budget": TEXT,
            "expected_percent": DECIMAL,
            "orders": one_of("allowed", "approval", "refused"),
        }
    ),
    "Order": shape(
        {
            "id": TEXT,
            "state": one_of(*_STATES),
            "project": TEXT,
            "name": TEXT,
            "offering": TEXT,
            "plan": TEXT,
            "region": TEXT,
            "monthly_estimate": ref("Money"),
            "operation": maybe(TEXT),
            "requested_by": TEXT,
            "created_at": MOMENT,
            "decided_by": TEXT,
            "decided_at": maybe(MOMENT),
        }
    ),
    "Forecast": shape(
        {
            "month": TEXT,
            "currency": TEXT,
            "basis": one_of("net"),
            "actual": DECIMAL,
            "expected": DECIMAL,
            "low": DECIMAL,
            "high": DECIMAL,
            "method": one_of("holt", "blend", "run-rate", "actual"),
            "days_left": INTEGER,
        }
    ),
}
_VERDICTS = {"": "allowed", "approve": "approval", "block": "refused"}


def verdict(word: str) -> str:
    return _VERDICTS[word]


def budgets(rows: Sequence[Standing]) -> list[Json]:
    return [budget(row) for row in rows]


def budget(one: Standing) -> Json:
    row: Budget = one.budget
    tag = {"key": row.tag_key, "value": row.tag_value} if row.tag_key else None
    return {
        "id": row.public_id,
        "organisation": row.organisation.slug,
        "name": row.name,
        "scope": row.scope,
        "project": row.project.slug if row.project else None,
        "tag": tag,
        "amount": money(row.amount, row.currency),
        "thresholds": [threshold.as_json() for threshold in rules.read(row.thresholds)],
        "pauses": {"key": row.pause_key, "value": row.pause_value},
        "webhooks_of": row.webhooks_of.slug if row.webhooks_of else "",
        "month": f"{one.month:%Y-%m}",
        "actual": money(one.actual, row.currency),
        "expected": money(round(one.expected, 2), row.currency),
        "created_at": moment(row.created_at),
    }


def rehearsal(found: Rehearsal) -> Json:
    return {
        "thresholds": [
            {
                **step.threshold.as_json(),
                "reached": step.reached,
                "told": step.told,
                "acts_now": step.acts_now,
            }
            for step in found.steps
        ],
        "mails": found.mails,
        "webhooks": found.hooks,
        "orders": verdict(found.orders),
        "pauses": [row.public_id for row in found.pauses],
        "pauses_now": found.pauses_now,
    }


def orders(rows: Sequence[Order]) -> list[Json]:
    return [order(row) for row in rows]


def order(row: Order) -> Json:
    asked = row.request
    return {
        "id": row.public_id,
        "state": row.state,
        "project": row.project.slug if row.project else "",
        "name": asked.get("name", ""),
        "offering": asked.get("offering", ""),
        "plan": asked.get("plan", ""),
        "region": asked.get("region", ""),
        "monthly_estimate": money(Decimal(row.quote["monthly_estimate"]), row.quote["currency"]),
        "operation": row.operation.public_id if row.operation else None,
        "requested_by": row.requested_by,
        "created_at": moment(row.created_at),
        "decided_by": row.decided_by,
        "decided_at": moment(row.decided_at),
    }


def forecast(found: Outlook) -> Json:
    one = found.forecast
    return {
        "month": f"{found.month:%Y-%m}",
        "currency": "EUR",
        "basis": "net",
        "actual": decimal(one.actual),
        "expected": decimal(round(one.expected, 2)),
        "low": decimal(round(one.low, 2)),
        "high": decimal(round(one.high, 2)),
        "method": one.method,
        "days_left": len(one.days),
    }
