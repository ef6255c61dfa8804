"""Vouchers: staff make and withdraw them, an organisation redeems them.

A code has 60 random bits, is shown once and stored as its hash, so it can be neither read nor
guessed. Whoever redeems is told one and the same of a code that never was and of one that is over.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from billing.einvoice.document import rounded
from billing.models import CreditGrant, Voucher
from portal.audit.actions import PROVIDER, record
from portal.kernel import clock, ids
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid, NotFound
from portal.tenancy import access, oversight
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Permission
from services import registry

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: nothing that is read for another
_ALIKE = str.maketrans("OIL", "011")
_LENGTH, _GROUP = 12, 4
_MOST_AMOUNT = Decimal(100_000)
_MOST_TIMES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVoucher:
    """What staff want; see `Voucher`."""

    amount: Decimal | None
    valid_until: date | None
    credit_until: date | None
    times: int = 1
    offering: str = ""
    note: str = ""


@transaction.atomic
def create_voucher(*, actor: Actor, wanted: NewVoucher) -> tuple[Voucher, str]:
    """The voucher and its code, which nobody can read again. Raises: NotPermitted, Invalid."""
    oversight.require_staff(actor)
    faults = _faults(wanted)
    if faults or not (wanted.amount and wanted.valid_until and wanted.credit_until):
        raise Invalid(faults)
    code = _new_code()
    made = Voucher.objects.create(
        public_id=ids.public_id("vo"),
        digest=digest_of(code),
        ending=code[-_GROUP:],
        amount=wanted.amount,
        valid_until=wanted.valid_until,
        credit_until=wanted.credit_until,
        most_redemptions=wanted.times,
        offering=wanted.offering,
        note=wanted.note.strip()[:200],
        created_by=actor.name,
    )
    record(actor, "voucher.create", "voucher", made.public_id, chain=PROVIDER, after=_said(made))
    return made, code


@transaction.atomic
def withdraw_voucher(*, actor: Actor, voucher: Voucher) -> Voucher:
    """Nobody can redeem it any more; what was redeemed stays. Raises: NotPermitted, Conflict."""
    oversight.require_staff(actor)
    found = Voucher.objects.select_for_update().get(pk=voucher.pk)
    if found.withdrawn_at is not None:
        raise Conflict(_("This voucher is withdrawn already."), hint=_("Nothing has to be done."))
    found.withdrawn_at = clock.now()
    found.save(update_fields=["withdrawn_at"])
    record(actor, "voucher.withdraw", "voucher", found.public_id, chain=PROVIDER)
    return found


@transaction.atomic
def redeem_voucher(*, actor: Actor, organisation: Organisation, code: str) -> CreditGrant:
    """Gives the organisation the voucher's credit, once.

    Raises: NotPermitted; Invalid for a code that gives nothing (any more), or gave it before.
    """
    access.require_in_organisation(actor, organisation, Permission.BILLING_MANAGE)
    found = Voucher.objects.select_for_update().filter(digest=digest_of(code)).first()
    if found is None or not _holds(found):
        raise Invalid(
            {"code": _("This voucher is not known, or it is over. Look at the code again.")}
        )
    if CreditGrant.objects.filter(voucher=found, organisation=organisation).exists():
        raise Invalid({"code": _("Your organisation has redeemed this voucher already.")})
    made = CreditGrant.objects.create(
        public_id=ids.public_id("cg"),
        organisation=organisation,
        voucher=found,
        amount=found.amount,
        currency=found.currency,
        expires_on=found.credit_until,
        offering=found.offering,
        redeemed_by=actor.name,
    )
    record(
        actor,
        "voucher.redeem",
        "credit",
        made.public_id,
        chain=organisation.slug,
        after={"voucher": found.public_id, **_said(found)},
    )
    return made


def vouchers(actor: Actor) -> QuerySet[Any]:
    """All of them with how often each was redeemed (`redeemed`), newest first. Raises:
    NotPermitted.
    """
    oversight.require_staff(actor)
    return Voucher.objects.annotate(redeemed=Count("grants")).order_by("-id")


def voucher_called(actor: Actor, public_id: str) -> Voucher:
    """Raises: NotPermitted, NotFound."""
    found: Voucher | None = vouchers(actor).filter(public_id=public_id).first()
    if found is None:
        raise NotFound(_("There is no such voucher."), hint=_("See the list of them."))
    return found


def state_of(voucher: Voucher, redeemed: int) -> str:
    """open | used | over | withdrawn."""
    if voucher.withdrawn_at is not None:
        return "withdrawn"
    if redeemed >= voucher.most_redemptions:
        return "used"
    return "open" if clock.now().date() <= voucher.valid_until else "over"


def digest_of(code: str) -> str:
    """However it was typed: in lower case, with or without dashes, O for 0."""
    plain = "".join(c for c in code.upper().translate(_ALIKE) if c in _ALPHABET)
    return hashlib.sha256(plain.encode()).hexdigest()


def forget_person(name: str) -> None:
    """Vouchers and credit no longer say who made or redeemed them. Call it within a transaction."""
    Voucher.objects.filter(created_by=name).update(created_by="")
    CreditGrant.objects.filter(redeemed_by=name).update(redeemed_by="")


def _holds(voucher: Voucher) -> bool:
    return state_of(voucher, voucher.grants.count()) == "open"


def _new_code() -> str:
    """`7K3M-9Q2X-ABCD`"""
    letters = "".join(secrets.choice(_ALPHABET) for _n in range(_LENGTH))
    return "-".join(letters[n : n + _GROUP] for n in range(0, _LENGTH, _GROUP))


def _said(voucher: Voucher) -> Mapping[str, str]:
    return {
        "amount": f"{voucher.amount:f}",
        "currency": voucher.currency,
        "credit_until": voucher.credit_until.isoformat(),
        "offering": voucher.offering,
    }


def _faults(wanted: NewVoucher) -> dict[str, str]:
    faults: dict[str, str] = {}
    today, amount = clock.now().date(), wanted.amount
    if amount is None or not 0 < amount <= _MOST_AMOUNT or rounded(amount) != amount:
        faults["amount"] = _("Give an amount in whole cents, up to 100,000.")
    if wanted.valid_until is None or wanted.valid_until < today:
        faults["valid_until"] = _("Give a day that is not over.")
    if wanted.credit_until is None or wanted.credit_until < today:
        faults["credit_until"] = _("Give a day that is not over.")
    if not 1 <= wanted.times <= _MOST_TIMES:
        faults["times"] = _("Write a number from 1 to 100,000.")
    if wanted.offering and wanted.offering not in registry.entries():
        faults["offering"] = _("There is no such service.")
    return faults
