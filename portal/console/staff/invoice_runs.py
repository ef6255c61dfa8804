"""Invoice runs, as staff sees and begins them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from billing.month_end import oversight as month_end
from billing.month_end import runs as invoice_run
from billing.sla import late as sla_late
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid
from portal.tenancy import oversight as customers

if TYPE_CHECKING:
    from billing.models import InvoiceRun

_SHOWN = 20
_POLL_SECONDS = 2


def of_month(actor: Actor, asked: Mapping[str, str]) -> dict[str, Any]:
    """Context of console/staff/invoice_runs.html. `asked`: month (YYYY-MM), else the newest."""
    months = month_end.months(actor)
    month = _month(asked.get("month", ""), months)
    if month is None:
        return {"months": []}
    late = sla_late.late_credits(actor)
    customers.note_looks(actor, {one.organisation.slug for one in late}, seen="billing")
    runs = list(month_end.runs(actor, month)[:_SHOWN])
    latest = runs[0] if runs else None
    held_up = month_end.held_up(latest) if latest else []
    return {
        "months": months,
        "end": month_end.month_end(actor, month),
        "latest": latest,
        "runs": [(run, _kind(run), *_state(run)) for run in runs],
        "state": _state(latest) if latest else None,
        "held_up": held_up,
        "late": late,
        "poll": _POLL_SECONDS if latest and latest.is_open else 0,
    }


def begin(actor: Actor, sent: Mapping[str, str]) -> InvoiceRun:
    """What the form asks for: month, kind. Raises: Invalid, Conflict."""
    month = _month(sent.get("month", ""), month_end.months(actor))
    if month is None or sent.get("kind") not in ("draft", "issue"):
        raise Invalid({"month": _("Choose a month in which something was used.")})
    return invoice_run.begin_run(actor=actor, month=month, kind=sent["kind"])


def _month(text: str, months: list[date]) -> date | None:
    asked = [month for month in months if f"{month:%Y-%m}" == text]
    return next(iter(asked or months), None)


def _kind(run: InvoiceRun) -> str:
    return _("Issue") if run.kind == "issue" else _("Drafts")


def _state(run: InvoiceRun) -> tuple[str, str]:
    """(class of the badge, words)"""
    words = {
        "waiting": ("busy", _("Waits for a worker")),
        "preparing": ("busy", _("Works out usage and costs")),
        "running": ("busy", _("Writes invoices")),
        "failed": ("bad", _("Stopped: usage or costs could not be worked out")),
    }
    if run.state == "done":
        return ("degraded", _("Done, some held up")) if run.held_up else ("ok", _("Done"))
    return words[run.state]
