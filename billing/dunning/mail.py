"""The mails of dunning to the address that an organisation has given for invoices. Its members are
told as of anything else (`portal.notifications`); an address that is a member's is not told twice.

What is paid while its mail waits is not reminded of any more.

A mail can be sent and the worker killed before it is written down; it is then sent again with the
same Message-ID.
"""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import translation

from billing.dunning.texts import body, params_of, title
from billing.einvoice.document import Transfer
from billing.einvoice.stored import from_json
from billing.identity.queries import identity_of
from billing.invoices.standing import standing
from billing.models import DunningStep
from portal.accounts import mail
from portal.kernel import clock
from portal.kernel.errors import Unavailable
from portal.tenancy.permissions import Permission
from portal.tenancy.queries import people_with

logger = logging.getLogger(__name__)
_AT_ONCE = 200


def send_waiting() -> int:
    """Sends what waits; what the mail server does not take waits for the next time."""
    rows = DunningStep.objects.filter(mailed_at__isnull=True).order_by("pk")
    keys = list(rows.values_list("pk", flat=True)[:_AT_ONCE])
    return sum(_send(key) for key in keys)


@transaction.atomic
def _send(key: int) -> bool:
    rows = DunningStep.objects.select_for_update(skip_locked=True, of=("self",))
    step = rows.select_related("invoice__organisation").filter(pk=key, mailed_at=None).first()
    if step is None:
        return False
    address = _address(step)
    is_over = standing(step.invoice).left <= 0  # paid while the mail waited
    try:
        if address and not is_over:
            _mail(step, address)
    except Unavailable:
        logger.warning("dunning.mail_waits", extra={"step": key})
        return False
    step.mailed_at = clock.now()
    step.save(update_fields=["mailed_at"])
    return bool(address) and not is_over


def _address(step: DunningStep) -> str:
    """Empty where nobody has to be told besides the members."""
    organisation = step.invoice.organisation
    identity = identity_of(organisation)
    if identity is None:
        return ""
    members = people_with(Permission.INVOICE_VIEW, organisation_id=organisation.pk)
    is_member = members.filter(email__iexact=identity.invoice_email).exists()
    return "" if is_member else identity.invoice_email


def _mail(step: DunningStep, address: str) -> None:
    invoice = step.invoice
    document = from_json(invoice.document)
    params = params_of(step, invoice)
    payment = document.payment
    context: dict[str, Any] = {
        "number": invoice.number,
        "buyer": document.buyer.name,
        "seller": document.seller.name,
        "iban": payment.iban if isinstance(payment, Transfer) else "",
        "url": settings.POLDER_URL + reverse("console:invoice", args=[invoice.number]),
    }
    with translation.override(document.language):
        context |= {"title": title(step.kind, params), "body": body(step.kind, params)}
    domain = settings.POLDER_URL.rpartition("/")[2].partition(":")[0]
    again = f".{step.round}" if step.round else ""
    name = f"{invoice.public_id}.{step.kind}.{step.level}{again}"
    headers = {"Message-ID": f"<{name}@{domain}>", "Auto-Submitted": "auto-generated"}
    mail.send("dunning", address, context, document.language, headers=headers)
