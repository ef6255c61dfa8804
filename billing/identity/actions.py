"""Writes to billing identities: one transaction, permission, a version and an audit record each.

The audit log holds which fields changed, the versions what they said: the log cannot be erased.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from billing.identity import provider, vies
from billing.identity.fields import LENGTHS, clean
from billing.identity.queries import resets_check, values_of
from billing.models.identity import BillingIdentity, IdentityVersion, LocationProof, VatIdCheck
from billing.vat.territories import countries
from portal.audit.actions import record
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid, Unavailable
from portal.tenancy import access, oversight
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Permission

_State = BillingIdentity.VatIdState
_Check = VatIdCheck.Kind
_Proof = LocationProof.Kind
_MOST_REASON = 500


@transaction.atomic
def update_identity(
    *, actor: Actor, organisation: Organisation, values: Mapping[str, str]
) -> BillingIdentity:
    """What is left out stays. Another name, country, kind or VAT id has to be confirmed anew.

    Raises: Invalid with every fault, NotPermitted, NotFound.
    """
    access.require_in_organisation(actor, organisation, Permission.BILLING_MANAGE)
    # The organisation is locked, since at first there is no identity to lock.
    organisation = Organisation.objects.select_for_update().get(pk=organisation.pk)
    row = _locked(organisation) or BillingIdentity(organisation=organisation)
    wanted = clean(values_of(row if row.pk else None) | dict(values))
    changed = [name for name in LENGTHS if wanted[name] != getattr(row, name)]
    if row.pk and not changed:
        return row
    if resets_check(row, wanted) or not row.pk:
        row.vat_id_state = _State.PLAUSIBLE if wanted["vat_id"] else _State.NONE
        row.check_in_force = None
    for name, value in wanted.items():
        setattr(row, name, value)
    row.save()
    if "country" in changed:
        _keep_proof(row, _Proof.ADDRESS, row.country, "billing details")
    _record_version(
        actor, row, "billing_identity.update", {"changed": sorted(changed), "country": row.country}
    )
    return row


@transaction.atomic
def approve_vat_id(*, actor: Actor, identity: BillingIdentity, reason: str) -> BillingIdentity:
    """Staff say that the buyer is a taxable person, whatever VIES says.

    Raises: NotPermitted, Invalid without a reason, Conflict without a VAT id.
    """
    row = _for_staff(actor, identity)
    check = _checked(actor, row, _Check.APPROVAL, valid=True, reason=_reason(reason))
    row.vat_id_state, row.check_in_force = _State.APPROVED, check
    row.save()
    _record_version(actor, row, "billing_identity.approve_vat_id", {"vat_id": row.vat_id}, reason)
    return row


@transaction.atomic
def withdraw_vat_id(*, actor: Actor, identity: BillingIdentity, reason: str) -> BillingIdentity:
    """Neither confirmed nor approved any more. Raises: NotPermitted, Invalid, Conflict."""
    row = _for_staff(actor, identity)
    _checked(actor, row, _Check.WITHDRAWAL, valid=False, reason=_reason(reason))
    row.vat_id_state, row.check_in_force = _State.PLAUSIBLE, None
    row.save()
    _record_version(actor, row, "billing_identity.withdraw_vat_id", {"vat_id": row.vat_id}, reason)
    return row


@transaction.atomic
def record_consultation(
    *,
    actor: Actor,
    identity: BillingIdentity,
    number: str,
    valid: bool,
    at: datetime | None = None,
) -> BillingIdentity:
    """What VIES answered about the VAT id: the number of the consultation and when it was.

    Raises: NotPermitted, Invalid, Conflict without a VAT id.
    """
    row, number, moment = _for_staff(actor, identity), number.strip(), at or clock.now()
    if not number or len(number) > 60 or not number.isprintable():
        raise Invalid({"number": _("Give the number of the consultation, as VIES shows it.")})
    if moment > clock.now():
        raise Invalid({"at": _("This is in the future.")})
    check = _checked(actor, row, _Check.VIES, valid=valid, number=number, at=moment)
    row.vat_id_state = _State.CONFIRMED if valid else _State.PLAUSIBLE
    row.check_in_force = check if valid else None
    row.save()
    told = {"vat_id": row.vat_id, "consultation": number, "valid": valid}
    if valid:
        _record_version(actor, row, "billing_identity.confirm_vat_id", told)
    else:
        _record_version(actor, row, "billing_identity.reject_vat_id", told)
    return row


def ask_vies(*, actor: Actor, identity: BillingIdentity) -> BillingIdentity:
    """Asks by the client of the settings, outside a transaction, and keeps the answer.

    Raises: NotPermitted, Unavailable while it is switched off or does not answer.
    """
    oversight.require_staff(actor)
    client = vies.client()
    if client is None:
        raise Unavailable(
            _("VIES is not asked from here: no client is set."),
            hint=_("Look it up yourself, and write down the number of the consultation."),
        )
    try:
        answer = client(identity.vat_id, provider.provider().vat_id)
    except OSError as error:
        raise Unavailable(
            _("VIES does not answer."), hint=_("Try again later, or look it up yourself.")
        ) from error
    return record_consultation(
        actor=actor,
        identity=identity,
        number=answer.number,
        valid=answer.valid,
        at=answer.at,
    )


@transaction.atomic
def keep_proof(
    *, actor: Actor, identity: BillingIdentity, kind: str, country: str, source: str
) -> LocationProof:
    """Something that says where the buyer is, in place of an earlier one of its kind. The address
    is proof by itself. Raises: NotPermitted, Invalid.
    """
    row = _for_staff(actor, identity, about_vat_id=False)
    faults = {}
    if kind not in _Proof.values or kind == _Proof.ADDRESS:
        faults["kind"] = _("Choose what it is.")
    if country not in countries():
        faults["country"] = _("Choose a country.")
    if not source.strip() or len(source) > 200 or not source.strip().isprintable():
        faults["source"] = _("Say where this is from, in at most 200 characters.")
    if faults:
        raise Invalid(faults)
    proof = _keep_proof(row, kind, country, source.strip())
    row.save()
    _record_version(actor, row, "billing_identity.keep_proof", {"kind": kind, "country": country})
    return proof


@transaction.atomic
def drop_proof(*, actor: Actor, identity: BillingIdentity, kind: str, reason: str) -> None:
    """A proof that turned out to be wrong. Raises: NotPermitted, Invalid, Conflict."""
    row = _for_staff(actor, identity, about_vat_id=False)
    reason = _reason(reason)
    gone, _kinds = row.proofs.filter(kind=kind).exclude(kind=_Proof.ADDRESS).delete()
    if not gone:
        raise Conflict(_("There is no such proof."), hint=_("Look at the page again."))
    row.save()
    _record_version(actor, row, "billing_identity.drop_proof", {"kind": kind}, reason)


def forget_person(name: str) -> None:
    """Versions no longer say that this person wrote them. What they say of the buyer stays: the
    law wants invoices, and what they rest on, to be kept. Call it within a transaction.
    """
    IdentityVersion.objects.filter(by=name).update(by="")
    VatIdCheck.objects.filter(by=name).update(by="")


# -- parts of them ---------------------------------------------------------------------------------


def _locked(organisation: Organisation) -> BillingIdentity | None:
    rows = BillingIdentity.objects.select_for_update().filter(organisation=organisation)
    row = rows.first()
    if row is not None:
        row.organisation = organisation
    return row


def _for_staff(
    actor: Actor, identity: BillingIdentity, *, about_vat_id: bool = True
) -> BillingIdentity:
    oversight.require_staff(actor)
    row = BillingIdentity.objects.select_for_update().get(pk=identity.pk)
    row.organisation = identity.organisation
    if about_vat_id and not row.vat_id:
        raise Conflict(_("There is no VAT id."), hint=_("The organisation must give one first."))
    return row


def _reason(text: str) -> str:
    if not text.strip() or len(text) > _MOST_REASON:
        raise Invalid({"reason": _("Say why, in at most 500 characters: it is kept as proof.")})
    return text.strip()


def _checked(actor: Actor, row: BillingIdentity, kind: str, **fields: Any) -> VatIdCheck:
    fields.setdefault("at", clock.now())
    return VatIdCheck.objects.create(
        identity=row, kind=kind, vat_id=row.vat_id, by=actor.name, **fields
    )


def _keep_proof(row: BillingIdentity, kind: str, country: str, source: str) -> LocationProof:
    told = {"country": country, "source": source, "at": clock.now()}
    return LocationProof.objects.update_or_create(identity=row, kind=kind, defaults=told)[0]


def _record_version(
    actor: Actor, row: BillingIdentity, verb: str, after: Mapping[str, Any], reason: str = ""
) -> None:
    """The next version, and the audit record last."""
    row.version += 1
    row.updated_at = clock.now()
    row.save(update_fields=["version", "updated_at"])
    proofs = row.proofs.order_by("kind").values_list("kind", "country")
    data = values_of(row) | {"vat_id_state": row.vat_id_state, "proofs": dict(proofs)}
    IdentityVersion.objects.create(
        identity=row, version=row.version, data=data, at=row.updated_at, by=actor.name
    )
    slug = row.organisation.slug
    record(
        actor,
        verb,
        "billing_identity",
        slug,
        chain=slug,
        after={**after, "version": row.version},
        reason=reason,
    )
