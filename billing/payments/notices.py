"""What an organisation hears of its payments."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing.formats import money
from portal.kernel.money import Money
from portal.notifications import kinds
from portal.notifications.kinds import Kind, Params, sentence
from portal.outbox.actions import notify
from portal.tenancy.permissions import Permission

if TYPE_CHECKING:
    from billing.models import Payment

RETURNED = "invoice.payment_returned"


def tell_returned(reversal: Payment) -> None:
    """The bank took a payment back. Call it in the transaction that writes it down."""
    invoice = reversal.invoice
    notify(
        RETURNED,
        organisation_id=invoice.organisation_id,
        target=str(invoice.number),
        params={
            "number": str(invoice.number),
            "amount": f"{-reversal.amount:f}",
            "currency": invoice.currency,
        },
    )


def _body(params: Params) -> str:
    amount = Decimal(str(params.get("amount", "0")))
    said = money(Money(amount, str(params.get("currency", "EUR"))))
    return _("The bank took %(amount)s back. The invoice is open again; please pay it anew.") % {
        "amount": said
    }


def register() -> None:
    """At start."""
    kinds.register(
        Kind(
            RETURNED,
            sentence(gettext_noop("A payment of invoice %(number)s was taken back")),
            _body,
            group=gettext_noop("Money"),
            label=gettext_noop("The bank took a payment of an invoice back"),
            icon="receipt-euro",
            tone="warn",
            url_name="console:invoice",
            sees=Permission.INVOICE_VIEW,
            everyone=Permission.INVOICE_VIEW,
            mail=True,
        )
    )
