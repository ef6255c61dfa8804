"""Advice on what could cost less: the list, one with its figures, and the first on the overview."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.urls import reverse
from django.utils.translation import gettext as _

from billing.advice import actions, queries, texts
from portal.console.commitments import term_label
from portal.console.orders import panel
from portal.console.page import url_or_nothing
from portal.kernel import formats
from portal.kernel.actor import Actor
from portal.kernel.errors import PortalError
from portal.kernel.money import Money
from services.instances.specs import entry_of

if TYPE_CHECKING:
    from billing.models import Recommendation
    from portal.tenancy.models import Organisation

FILTERS = ("status", "kind")
_PER_PAGE = 50
_TONES = {"high": "ok", "medium": "info", "low": "quiet"}


@dataclass(frozen=True, slots=True)
class Row:
    """Advice as a list shows it."""

    advice: Recommendation
    title: str
    url: str
    saving: Money
    realised: Money | None
    tone: str


def advice(actor: Actor, organisation: Organisation, asked: Mapping[str, str]) -> dict[str, Any]:
    """Context of console/advice.html. `asked`: status, kind, page."""
    status = asked.get("status", "")
    status = status if status in queries.STATUSES else "open"
    kind = asked.get("kind", "")
    kind = kind if kind in queries.KINDS else ""
    rows = queries.advice_for(actor, organisation, status=status, kind=kind)
    found = Paginator(rows, _PER_PAGE).get_page(asked.get("page"))
    applied = queries.advice_for(actor, organisation, status="applied")
    compared = list(applied.exclude(realised_month=None))
    return {
        "organisation": organisation,
        "status": status,
        "kind": kind,
        "found": found,
        "rows": _rows(actor, found),
        "open_saving": queries.saving_of(queries.advice_for(actor, organisation, status="open")),
        "promised": sum((row.saving_month for row in compared), Decimal(0)),
        "realised": sum((row.realised_month or Decimal(0) for row in compared), Decimal(0)),
        "compared": len(compared),
        "statuses": queries.STATUSES.items(),
        "kinds": queries.KINDS.items(),
    }


def first(actor: Actor, organisation: Organisation, count: int = 3) -> list[Row]:
    """The largest open ones, for the overview; none for whoever sees no costs."""
    try:
        found = queries.advice_for(actor, organisation, status="open")[:count]
    except PortalError:
        return []
    return _rows(actor, found)


def one(
    actor: Actor, row: Recommendation, errors: Mapping[str, str], sent: Mapping[str, str]
) -> dict[str, Any]:
    """Context of console/advice_one.html."""
    follows = row.status == "open" and queries.may_follow(actor, row)
    preview = queries.preview_of(actor, row) if follows else None
    deletes = row.proposed.get("action") == "delete"  # no matter of one click
    again = row.proposed.get("action") == "spot"  # nor is another order
    [shown] = _rows(actor, [row])
    known = row.project_id in queries.projects_shown_to(actor)
    return {
        "row": shown,
        "advice": row,
        "crumbs": [(_("Advice"), reverse("console:advice"))],
        "reasons": texts.reasons(row),
        "chart": _chart(row),
        "follows": follows,
        "clicks": row.instance is not None and not (deletes or again),
        "service": reverse("console:service", args=[row.subject]) if known else "",
        "delete": reverse("console:service-delete", args=[row.subject]) if deletes else "",
        "order": _order(row) if row.status == "open" and again else "",
        "layers": _layers(row) if row.status == "open" else [],
        "price": panel(preview) if preview else None,
        "errors": errors,
        "reason": sent.get("reason", ""),
        "days": [str(days) for days in actions.DAYS],
        "chosen_days": sent.get("days", str(actions.DAYS[1])),
    }


def _order(row: Recommendation) -> str:
    """The order form of the same on spare capacity, filled in."""
    home, proposed = reverse("console:order", args=[row.proposed["offering"]]), row.proposed
    asked = {"plan": proposed["plan"], "region": proposed["region"], "spot": "1"}
    return f"{home}?{urlencode(asked)}"


def _layers(row: Recommendation) -> list[tuple[str, str]]:
    """(words, address) of each purchase that it proposes, its form filled in."""
    page, proposed = url_or_nothing("console:commitments"), row.proposed
    if row.kind != "reserve" or not page:
        return []
    asked = {name: proposed[name] for name in ("offering", "plan", "region")}
    return [
        (
            _("%(pieces)s for %(term)s") % {**layer, "term": term_label(layer["term"])},
            f"{page}?{urlencode({**asked, **layer})}",
        )
        for layer in proposed["layers"]
    ]


def dismiss(actor: Actor, row: Recommendation, sent: Mapping[str, str]) -> Recommendation:
    """Raises: what `actions.dismiss_advice` raises."""
    days = sent.get("days", "")
    return actions.dismiss_advice(
        actor=actor,
        advice=row,
        reason=sent.get("reason", ""),
        days=int(days) if days.isascii() and days.isdigit() and len(days) < 5 else 0,
    )


def _rows(actor: Actor, found: Any) -> list[Row]:
    seen = queries.projects_shown_to(actor)
    return [
        Row(
            row,
            texts.title(row, _name(row, seen)),
            reverse("console:advice-one", args=[row.public_id]),
            Money(row.saving_month, row.currency),
            None if row.realised_month is None else Money(row.realised_month, row.currency),
            _TONES[row.confidence],
        )
        for row in found
    ]


def _name(row: Recommendation, seen: set[int]) -> str:
    """Whoever sees costs only knows services by their numbers."""
    if row.instance is None or row.project_id not in seen:
        return row.subject
    return row.instance.name


def _chart(row: Recommendation) -> dict[str, Any] | None:
    """The processors that it took, by the day, as a share of what it would have."""
    series = row.evidence.get("series", [])
    if row.instance is None or row.kind != "right_size" or len(series) < 2:
        return None
    plan = entry_of(row.instance).offering.plan(row.proposed["plan"])
    cpu, memory = plan.vcpu * 1000, Decimal(plan.memory_mib)
    return {
        "title": _("What it took, of what %(plan)s has") % {"plan": plan.id},
        "unit": "%",
        "times": [formats.day_and_month(date.fromisoformat(one["day"])) for one in series],
        "series": [
            (_("CPU, fullest hour"), [round(one["cpu"] * 100 / cpu, 1) for one in series]),
            (_("Memory, highest"), [round(one["memory_max"] * 100 / memory, 1) for one in series]),
        ],
        "ident": "chart-advice",
    }
