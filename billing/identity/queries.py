"""Reads of billing identities, and the VAT that follows from them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet

from billing.identity import provider
from billing.identity.fields import LENGTHS
from billing.models.identity import BillingIdentity, IdentityVersion, LocationProof, VatIdCheck
from billing.vat.decisions import NO_ADDRESS, PROVIDER_RATE, Buyer, Decision, Proof, VatRate, decide
from billing.vat.territories import countries
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.tenancy import access, oversight
from portal.tenancy.permissions import Permission

if TYPE_CHECKING:
    from portal.tenancy.models import Organisation

PROVIDER_INCOMPLETE = "provider-incomplete"


def identity_of(organisation: Organisation) -> BillingIdentity | None:
    """One query for an object of an organisation, however often."""
    try:
        return organisation.billing_identity
    except ObjectDoesNotExist:
        return None


def identity_for(actor: Actor, organisation: Organisation) -> BillingIdentity | None:
    """The same for a member. Raises: NotPermitted, NotFound."""
    access.require_in_organisation(actor, organisation, Permission.COST_VIEW)
    return identity_of(organisation)


def rate_for(organisation: Organisation | None) -> VatRate:
    """The VAT that is quoted to `organisation`; to a visitor, the provider's own."""
    if organisation is None:
        found = _decide(Buyer(), _today())
        return VatRate(found.percent, found.country, PROVIDER_RATE)
    return _decide(_buyer(organisation, with_proofs=False), _today()).rate


def decision_for(organisation: Organisation, on: date | None = None) -> Decision:
    """With everything that an invoice of the day `on` (today) rests on."""
    return _decide(_buyer(organisation, with_proofs=True), on or _today())


def preview_decision(organisation: Organisation, values: dict[str, str]) -> Decision:
    """What `values` of a form would mean. What was proved counts while it is about the same."""
    row = identity_of(organisation)
    state, check = "plausible" if values.get("vat_id") else "none", None
    if row is not None and not resets_check(row, values):
        state, check = row.vat_id_state, row.check_in_force
    proofs = [p for p in _proofs(row) if p.kind != LocationProof.Kind.ADDRESS]
    if values.get("country") in countries():
        at = clock.now()
        proofs.append(Proof(LocationProof.Kind.ADDRESS, values["country"], "", at))
    return _decide(_as_buyer(values, state, check, tuple(proofs)), _today())


def resets_check(row: BillingIdentity, values: dict[str, str]) -> bool:
    """Whether a change is about somebody else: then nothing is proved of the VAT id any more."""
    about = ("kind", "legal_name", "country", "vat_id")
    return any(values.get(name, "") != getattr(row, name) for name in about)


def faults_to_issue(organisation: Organisation, on: date | None = None) -> tuple[str, ...]:
    """Codes of what keeps an invoice to `organisation` from being issued
    (`billing.identity.texts.fault_text`); empty when nothing does.
    """
    if identity_of(organisation) is None:
        found: tuple[str, ...] = (NO_ADDRESS,)
    else:
        found = decision_for(organisation, on).faults
    return (*found, PROVIDER_INCOMPLETE) if provider.missing() else found


def snapshot_of(row: BillingIdentity) -> dict[str, str]:
    """What an invoice says of its buyer; the buyer reference is never empty."""
    found = values_of(row)
    found["buyer_reference"] = found["buyer_reference"] or row.organisation.slug
    return found


def language_for(organisation: Organisation) -> str:
    """The language of what is written to it: invoices, credit notes, reminders and their mails."""
    row = identity_of(organisation)
    codes = {code.partition("-")[0]: code for code, _name in settings.LANGUAGES}
    return codes.get(row.language if row else "", settings.LANGUAGE_CODE)


def values_of(row: BillingIdentity | None) -> dict[str, str]:
    """Its fields as a form holds them."""
    return {name: getattr(row, name) if row else "" for name in LENGTHS}


def proofs_of(row: BillingIdentity | None) -> QuerySet[LocationProof]:
    if row is None:
        return LocationProof.objects.none()
    return row.proofs.order_by("kind")


def history_for(actor: Actor, organisation: Organisation) -> QuerySet[IdentityVersion]:
    """All that it ever said, newest first. Raises: NotPermitted, NotFound."""
    access.require_in_organisation(actor, organisation, Permission.COST_VIEW)
    rows = IdentityVersion.objects.filter(identity__organisation=organisation)
    return rows.order_by("-version")


# -- for staff -------------------------------------------------------------------------------------


def unconfirmed(actor: Actor) -> QuerySet[BillingIdentity]:
    """VAT ids of which only the form is known, longest waiting first. Raises: NotPermitted."""
    oversight.require_staff(actor)
    rows = BillingIdentity.objects.filter(vat_id_state=BillingIdentity.VatIdState.PLAUSIBLE)
    rows = rows.exclude(country=settings.POLDER_PROVIDER_COUNTRY)
    rows = rows.filter(organisation__archived_at=None)
    return rows.select_related("organisation").order_by("updated_at")


def checks_of(actor: Actor, row: BillingIdentity) -> QuerySet[VatIdCheck]:
    """Newest first. Raises: NotPermitted."""
    oversight.require_staff(actor)
    return row.checks.order_by("-at", "-pk")


# -- what it is decided by -------------------------------------------------------------------------


def _decide(buyer: Buyer, on: date) -> Decision:
    return decide(provider.seller(), buyer, on, settings.POLDER_PROVIDER_OSS)


def _today() -> date:
    return clock.now().date()


def _buyer(organisation: Organisation, *, with_proofs: bool) -> Buyer:
    """Without an identity, what the organisation says of its country."""
    row = identity_of(organisation)
    if row is None:
        country = organisation.country
        return Buyer(country if country in countries() else "")
    check = row.check_in_force if with_proofs else None
    proofs = _proofs(row) if with_proofs else ()
    return _as_buyer(values_of(row), row.vat_id_state, check, proofs)


def _as_buyer(
    values: dict[str, str], state: str, check: VatIdCheck | None, proofs: tuple[Proof, ...]
) -> Buyer:
    told: Any = {"kind": values.get("kind") or "business", "vat_id_state": state}
    return Buyer(
        country=values.get("country", "") if values.get("country") in countries() else "",
        postcode=values.get("postcode", ""),
        vat_id=values.get("vat_id", ""),
        vat_id_proof=_told(check),
        registration_number=values.get("registration_number", ""),
        proofs=proofs,
        **told,
    )


def _proofs(row: BillingIdentity | None) -> tuple[Proof, ...]:
    return tuple(Proof(p.kind, p.country, p.source, p.at) for p in proofs_of(row))


def _told(check: VatIdCheck | None) -> dict[str, str]:
    if check is None:
        return {}
    return {
        "kind": check.kind,
        "number": check.number,
        "reason": check.reason,
        "at": check.at.isoformat(),
    }
