"""Advice on what could cost less."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from billing.advice.queries import KINDS, STATUSES
from portal.api.serializers.common import (
    FREE,
    MOMENT,
    TEXT,
    Json,
    maybe,
    moment,
    money,
    one_of,
    ref,
    shape,
)

if TYPE_CHECKING:
    from billing.models import Recommendation

SCHEMAS: dict[str, Json] = {
    "Advice": shape(
        {
            "id": TEXT,
            "kind": one_of(*KINDS),
            "status": one_of(*STATUSES),
            "organisation": TEXT,
            "project": maybe(TEXT),
            "instance": maybe(TEXT),
            "current": FREE,
            "proposed": FREE,
            "saving_month": ref("Money"),
            "realised_month": maybe(ref("Money")),
            "confidence": one_of("high", "medium", "low"),
            "evidence": FREE,
            "reason": TEXT,
            "operation": maybe(TEXT),
            "found_at": MOMENT,
            "closed_at": maybe(MOMENT),
            "dismissed_until": maybe(MOMENT),
        }
    ),
}


def advice(rows: Sequence[Recommendation]) -> list[Json]:
    """Of rows with their organisation, project, instance and operation."""
    return [one(row) for row in rows]


def one(row: Recommendation) -> Json:
    realised = row.realised_month
    return {
        "id": row.public_id,
        "kind": row.kind,
        "status": row.status,
        "organisation": row.organisation.slug,
        "project": row.project.slug if row.project else None,
        "instance": row.instance.public_id if row.instance else None,
        "current": row.current,
        "proposed": row.proposed,
        "saving_month": money(row.saving_month, row.currency),
        "realised_month": None if realised is None else money(realised, row.currency),
        "confidence": row.confidence,
        "evidence": row.evidence,
        "reason": row.reason,
        "operation": row.operation.public_id if row.operation else None,
        "found_at": moment(row.found_at),
        "closed_at": moment(row.closed_at),
        "dismissed_until": moment(row.dismissed_until),
    }
