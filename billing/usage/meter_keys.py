"""Keys of external meters: made and revoked by staff, and their check at the door.

A key (`portal.accounts.keys`) opens one address, `POST /api/v1/usage`.
"""

from __future__ import annotations

import re

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing.models import MeterKey
from portal.accounts import keys
from portal.audit.actions import PROVIDER, record
from portal.kernel import crypto, ids
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid, NotFound, NotPermitted

PREFIX = "polder_meter_"
OWN = "polder"  # the source of what Polder's backends tell
_SOURCE = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,58}[a-z0-9])?")


@transaction.atomic
def create_meter_key(*, actor: Actor, source: str) -> tuple[MeterKey, str]:
    """A key for the meter called `source`, and its text, which is shown once.

    Raises: NotPermitted; Invalid for a name that cannot be or has a key.
    """
    _require_provider(actor)
    source = source.strip()
    if not _SOURCE.fullmatch(source) or source == OWN:
        text = _("Use 1 to 60 small letters, digits, dots and dashes, and not “%(own)s”.")
        raise Invalid({"source": text % {"own": OWN}})
    text = keys.new_text(PREFIX)
    try:
        with transaction.atomic():
            key = MeterKey.objects.create(
                public_id=ids.public_id("mk"),
                source=source,
                digest=crypto.digest(text),
                created_by=actor.name,
            )
    except IntegrityError as error:
        taken = _("“%(name)s” has a key already. Revoke it first.") % {"name": source}
        raise Invalid({"source": taken}) from error
    record(
        actor,
        "meter_key.create",
        "meter_key",
        key.public_id,
        chain=PROVIDER,
        after={"source": source},
    )
    return key, text


@transaction.atomic
def revoke_meter_key(*, actor: Actor, public_id: str) -> MeterKey:
    """Ends a key at once; what it reported stays. Raises: NotPermitted, NotFound."""
    _require_provider(actor)
    key = MeterKey.objects.select_for_update().filter(public_id=public_id).first()
    if key is None:
        raise NotFound(_("There is no such key of a meter."))
    if keys.revoke(key):
        record(
            actor,
            "meter_key.revoke",
            "meter_key",
            key.public_id,
            chain=PROVIDER,
            before={"source": key.source},
        )
    return key


def meter_keys(actor: Actor) -> QuerySet[MeterKey]:
    """Those that hold, by source. Raises: NotPermitted."""
    _require_provider(actor)
    return MeterKey.objects.filter(revoked_at__isnull=True).order_by("source")


def authenticate(text: str, *, address: str = "", request_id: str = "") -> Actor | None:
    """The meter behind a key; None for one that is unknown or revoked."""
    key = keys.used(MeterKey.objects.all(), text)
    if key is None:
        return None
    return Actor(
        kind="meter", id=key.public_id, name=key.source, address=address, request_id=request_id
    )


def require_meter(actor: Actor) -> None:
    """Raises: NotPermitted for everybody who is no meter with a key."""
    if actor.kind != "meter":
        raise NotPermitted(
            _("Only the provider's meters may report usage."),
            hint=_("Staff make the key of a meter."),
        )


def _require_provider(actor: Actor) -> None:
    keys.require_provider(actor, _("Only the provider makes and ends keys of meters."))


def forget_person(name: str) -> None:
    """Keys no longer say who made them. Call it within a transaction."""
    MeterKey.objects.filter(created_by=name).update(created_by="")
