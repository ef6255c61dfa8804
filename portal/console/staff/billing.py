"""Who sells and who buys, as staff sees it: the provider's own identity, VAT ids that nobody looked
up, and what proves where a customer is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.utils.translation import gettext as _

from billing.identity import actions, provider, queries, texts
from billing.pricebook.texts import vat_label
from portal.console.billing import country_options, told
from portal.console.staff import customers
from portal.console.staff.typed import moment
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid, NotFound
from portal.kernel.formats import country_name
from portal.tenancy.models import Organisation

_PER_PAGE = 50
_DECISIONS = ("approve", "withdraw")
_ACTS = ("consultation", "vies", "vat-id", "proof", "drop")


def seller(actor: Actor, page: str | None) -> dict[str, Any]:
    """Context of console/staff/billing.html."""
    found, missing = provider.provider().as_json(), provider.missing()
    faults = provider.faults(clock.now().date())
    waiting = Paginator(queries.unconfirmed(actor), _PER_PAGE).get_page(page)
    return {
        "facts": [
            (provider.label(name), value, provider.variable(name), name in missing, name in faults)
            for name, value in found.items()
        ],
        "missing": len(missing),
        "vat": vat_label(queries.rate_for(None)),
        "oss": settings.POLDER_PROVIDER_OSS,
        "found": waiting,
        "rows": [(row, country_name(row.country)) for row in waiting],
    }


def buyer(
    actor: Actor,
    organisation: Organisation,
    sent: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of console/staff/organisation_billing.html."""
    row = queries.identity_of(organisation)
    return customers.frame(actor, organisation, "billing") | {
        "identity": row,
        "country": country_name(row.country) if row else "",
        "kind": texts.kind_label(row.kind) if row else "",
        "state": texts.vat_id_state_label(row.vat_id_state) if row else "",
        "is_known": row is not None and row.vat_id_state in ("confirmed", "approved"),
        "vat": told(queries.decision_for(organisation)),
        "checks": list(queries.checks_of(actor, row)) if row else [],
        "proofs": [
            (proof, texts.proof_label(proof.kind), country_name(proof.country))
            for proof in queries.proofs_of(row)
        ],
        "proof_kinds": texts.proof_kinds(),
        "countries": country_options(),
        "can_ask": bool(settings.POLDER_VIES_CLIENT),
        "sent": sent or {},
        "errors": errors or {},
    }


def act(actor: Actor, organisation: Organisation, what: str, sent: Mapping[str, str]) -> object:
    """What a form of the page asks for. Raises: NotFound, Invalid, Conflict, Unavailable."""
    row = queries.identity_of(organisation)
    if row is None or what not in _ACTS:
        raise NotFound(_("There are no billing details yet."))
    if what == "consultation":
        return actions.record_consultation(
            actor=actor,
            identity=row,
            number=sent.get("number", ""),
            valid=sent.get("valid") == "yes",
            at=moment(sent, "at"),
        )
    if what == "vies":
        return actions.ask_vies(actor=actor, identity=row)
    if what == "vat-id":
        return _decide(actor, row, sent)
    if what == "drop":
        kind, reason = sent.get("kind", ""), sent.get("reason", "")
        return actions.drop_proof(actor=actor, identity=row, kind=kind, reason=reason) or row
    return actions.keep_proof(
        actor=actor,
        identity=row,
        kind=sent.get("kind", ""),
        country=sent.get("country", ""),
        source=sent.get("source", ""),
    )


def _decide(actor: Actor, row: Any, sent: Mapping[str, str]) -> object:
    if sent.get("decision") not in _DECISIONS:
        raise Invalid({"decision": _("Choose one.")})
    wanted = {"actor": actor, "identity": row, "reason": sent.get("reason", "")}
    if sent["decision"] == "approve":
        return actions.approve_vat_id(**wanted)
    return actions.withdraw_vat_id(**wanted)
