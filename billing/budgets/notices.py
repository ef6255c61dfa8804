"""What people and webhooks hear of budgets, of orders that wait, and of days that stand out."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from billing.budgets import texts
from billing.formats import money
from portal.kernel.money import Money
from portal.notifications import kinds
from portal.notifications.kinds import Kind, Params, sentence
from portal.tenancy.permissions import Permission

_MONEY = gettext_noop("Money")
_P = Permission


_GAP = "…"  # for what an old row lacks


def _amount(params: Params, name: str) -> str:
    if name not in params:
        return _GAP
    return money(Money(Decimal(params[name]), params.get("currency", "EUR")))


def _day(text: str | None, form: str) -> str:
    return date_format(date.fromisoformat(text), form) if text else _GAP


def _budget_words(params: Params) -> dict[str, str]:
    month = params.get("month")
    return {
        "name": params.get("name", _GAP),
        "percent": str(params.get("percent", _GAP)),
        "cost": _amount(params, "cost"),
        "amount": _amount(params, "amount"),
        "month": _day(month and f"{month}-01", "F Y"),
    }


def _actual_title(params: Params) -> str:
    return _("%(percent)s %% of the budget “%(name)s” are spent") % _budget_words(params)


def _forecast_title(params: Params) -> str:
    text = _("The budget “%(name)s” is expected to reach %(percent)s %%")
    return text % _budget_words(params)


def _actual_body(params: Params) -> str:
    text = _("%(cost)s of %(amount)s (net) are spent in %(month)s.") % _budget_words(params)
    return f"{text} {texts.consequence(params.get('action', ''))}".strip()


def _forecast_body(params: Params) -> str:
    text = _("At the end of %(month)s, %(cost)s of %(amount)s (net) are expected.")
    return f"{text % _budget_words(params)} {texts.consequence(params.get('action', ''))}".strip()


def _paused_title(params: Params) -> str:
    text = ngettext(
        "The budget “%(name)s” has paused %(n)s service",
        "The budget “%(name)s” has paused %(n)s services",
        params.get("count", 0),
    )
    return text % {"name": params.get("name", _GAP), "n": params.get("count", 0)}


def _paused_body(params: Params) -> str:
    return ", ".join(params.get("services", []))


def _anomaly_title(params: Params) -> str:
    day = _day(params.get("day"), "j F Y")
    return _("Costs of %(day)s are unusual: %(amount)s") % {
        "day": day,
        "amount": _amount(params, "amount"),
    }


def _anomaly_body(params: Params) -> str:
    text = _("%(expected)s (net) would be usual.") % {"expected": _amount(params, "expected")}
    parts = [
        f"{part['key'] or '—'} +{_amount(part, 'excess')}" for part in params.get("because", [])[:3]
    ]
    return f"{text} {'; '.join(parts)}".strip()


def _budget(code: str, title: kinds.Words, body: kinds.Words, label: str) -> Kind:
    return Kind(
        code,
        title,
        body,
        group=_MONEY,
        label=label,
        icon="gauge",
        tone="warn",
        url_name="console:budget",
        everyone=_P.BILLING_MANAGE,
        mail=True,
        webhook=True,
    )


def _order(code: str, title: str, body: str, label: str, tone: str = "info") -> Kind:
    return Kind(
        code,
        sentence(title),
        sentence(body),
        group=_MONEY,
        label=label,
        icon="receipt-euro",
        tone=tone,
        url_name="console:budgets",
        targeted=False,
        sees=_P.INSTANCE_VIEW,
        everyone=_P.BILLING_MANAGE if code == "order.awaiting" else None,
        mail=True,
        webhook=True,
    )


def register() -> None:
    """At start."""
    kinds.register(
        _budget(
            "budget.actual",
            _actual_title,
            _actual_body,
            gettext_noop("A threshold of a budget was reached"),
        ),
        _budget(
            "budget.forecast",
            _forecast_title,
            _forecast_body,
            gettext_noop("A budget is expected to be used up"),
        ),
        _budget(
            "budget.paused",
            _paused_title,
            _paused_body,
            gettext_noop("A budget has paused services"),
        ),
        _order(
            "order.awaiting",
            gettext_noop("%(name)s waits for approval"),
            gettext_noop("%(by)s ordered %(offering)s, %(plan)s; a budget asks for approval."),
            gettext_noop("An order waits for approval"),
            "warn",
        ),
        _order(
            "order.approved",
            gettext_noop("%(name)s was approved"),
            gettext_noop("%(by)s approved the order; it is being made."),
            gettext_noop("An order of yours was approved"),
            "ok",
        ),
        _order(
            "order.refused",
            gettext_noop("%(name)s was refused"),
            gettext_noop("%(by)s refused the order. %(reason)s"),
            gettext_noop("An order of yours was refused"),
            "bad",
        ),
        Kind(
            "cost.anomaly",
            _anomaly_title,
            _anomaly_body,
            group=_MONEY,
            label=gettext_noop("The costs of a day are unusual"),
            icon="chart-column-stacked",
            tone="warn",
            url_name="console:costs",
            targeted=False,
            everyone=_P.BILLING_MANAGE,
            mail=True,
        ),
    )
