"""Billing details as they are typed."""

from billing.identity import actions
from billing.models import BillingIdentity

DE = {
    "kind": "business",
    "legal_name": "Deichbau Nord GmbH",
    "street": "Am Deich 7",
    "postcode": "20095",
    "city": "Hamburg",
    "country": "DE",
    "vat_id": "DE136695976",
    "invoice_email": "rechnung@deichbau.example",
}


def save(owner, project, values=DE) -> BillingIdentity:
    return actions.update_identity(
        actor=owner, organisation=project.organisation, values=dict(values)
    )
