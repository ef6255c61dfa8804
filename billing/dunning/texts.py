"""What is said of an invoice that is overdue, in the reader's language. Rows hold codes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing.formats import money
from billing.models import DunningStep
from portal.kernel.formats import day
from portal.kernel.money import Money
from portal.notifications import kinds
from portal.notifications.kinds import Kind, Params
from portal.tenancy.permissions import Permission

if TYPE_CHECKING:
    from billing.models import Invoice

_MONEY = gettext_noop("Money")
_Step = DunningStep.Kind


def params_of(step: DunningStep, invoice: Invoice) -> dict[str, str | int]:
    """For the outbox, and for the mail."""
    return {
        "number": str(invoice.number),
        "level": step.level,
        "left": f"{step.left:f}",
        "currency": invoice.currency,
        "due_on": invoice.due_on.isoformat() if invoice.due_on else "",
        "acts_on": step.acts_on.isoformat() if step.acts_on else "",
    }


def title(kind: str, params: Params) -> str:
    said = _said(params)
    if kind == _Step.SUSPENSION:
        return _("Suspended: invoice %(number)s is not paid") % said
    if kind == _Step.WARNING:
        return _("Invoice %(number)s: suspension on %(acts_on)s") % said
    if params.get("level") == 1:
        return _("Invoice %(number)s: a reminder") % said
    return _("Invoice %(number)s: reminder %(level)s") % said


def body(kind: str, params: Params) -> str:
    said = _said(params)
    if kind == _Step.SUSPENSION:
        return (
            _(
                "%(left)s of invoice %(number)s are not paid. Everything can be looked at and "
                "nothing changed; services keep running. Paying it lifts the suspension."
            )
            % said
        )
    if kind == _Step.WARNING:
        return (
            _(
                "%(left)s of invoice %(number)s were due on %(due_on)s. If they are not paid by "
                "%(acts_on)s, nothing can be changed any more until they are; services keep "
                "running."
            )
            % said
        )
    if params.get("level") == 1:
        return (
            _(
                "%(left)s of invoice %(number)s were due on %(due_on)s. It may have slipped your "
                "mind. If you have paid already, there is nothing to do."
            )
            % said
        )
    return (
        _(
            "%(left)s of invoice %(number)s were due on %(due_on)s and are still not paid. Please "
            "pay now, or tell us what is in the way."
        )
        % said
    )


def step_label(kind: str, level: int) -> str:
    words = {
        _Step.REMINDER: _("Reminder %(n)s") % {"n": level},
        _Step.WARNING: _("Warning of the suspension"),
        _Step.SUSPENSION: _("Suspension"),
    }
    return words[_Step(kind)]


def _said(params: Params) -> dict[str, str]:
    """What a text names; what an old row lacks leaves a gap."""
    return {
        "number": str(params.get("number", "…")),
        "level": str(params.get("level", "…")),
        "left": _amount(params),
        "due_on": _day(params.get("due_on")),
        "acts_on": _day(params.get("acts_on")),
    }


def _amount(params: Params) -> str:
    try:
        return money(Money(Decimal(str(params["left"])), str(params.get("currency", "EUR"))))
    except (KeyError, InvalidOperation):
        return "…"


def _day(text: object) -> str:
    return day(date.fromisoformat(str(text))) if text else "…"


def _kind(step: str, label: str, tone: str) -> Kind:
    return Kind(
        f"invoice.{step}",
        lambda params: title(step, params),
        lambda params: body(step, params),
        group=_MONEY,
        label=label,
        icon="receipt-euro",
        tone=tone,
        url_name="console:invoice",
        sees=Permission.INVOICE_VIEW,
        everyone=Permission.INVOICE_VIEW,
        mail=True,
    )


def register() -> None:
    """At start."""
    kinds.register(
        _kind(_Step.REMINDER, gettext_noop("An invoice is overdue"), "warn"),
        _kind(
            _Step.WARNING,
            gettext_noop("The organisation will be suspended for an invoice"),
            "bad",
        ),
        _kind(
            _Step.SUSPENSION,
            gettext_noop("The organisation was suspended for an invoice"),
            "bad",
        ),
    )
