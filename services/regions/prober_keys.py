"""Keys of probers that run in a region's own cluster, without Polder's database: made and revoked
by staff, and their check at the door.

A key (`portal.accounts.keys`) opens two addresses for its region,
`GET /api/v1/regions/CODE/targets` and `POST …/minutes`.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from portal.accounts import keys
from portal.audit.actions import PROVIDER, record
from portal.kernel import clock, crypto, ids
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid, NotFound, NotPermitted
from services.regions.models import ProberKey, Region

PREFIX = "polder_prober_"
MOST = 2  # the next one is made before the last is revoked


@transaction.atomic
def create_prober_key(*, actor: Actor, region: Region) -> tuple[ProberKey, str]:
    """A key for the region's prober, and its text, which is shown once.

    Raises: NotPermitted; Invalid where there are two already.
    """
    _require_provider(actor)
    Region.objects.select_for_update(no_key=True).get(pk=region.pk)  # one is made at a time
    if _live(region).count() >= MOST:
        raise Invalid({"key": _("There are two keys already. Revoke one first.")})
    text = keys.new_text(PREFIX)
    key = ProberKey.objects.create(
        public_id=ids.public_id("pk"),
        region=region,
        digest=crypto.digest(text),
        created_by=actor.name,
    )
    record(
        actor,
        "prober_key.create",
        "prober_key",
        key.public_id,
        chain=PROVIDER,
        after={"region": region.code},
    )
    return key, text


@transaction.atomic
def revoke_prober_key(*, actor: Actor, public_id: str) -> ProberKey:
    """Ends a key at once; what it reported stays. Raises: NotPermitted, NotFound."""
    _require_provider(actor)
    rows = ProberKey.objects.select_related("region").select_for_update(of=("self",))
    key = rows.filter(public_id=public_id).first()
    if key is None:
        raise NotFound(_("There is no such key of a prober."))
    if keys.revoke(key):
        record(
            actor,
            "prober_key.revoke",
            "prober_key",
            key.public_id,
            chain=PROVIDER,
            before={"region": key.region.code},
        )
    return key


def prober_keys(actor: Actor, region: Region) -> QuerySet[ProberKey]:
    """Those of a region that hold, the oldest first. Raises: NotPermitted."""
    _require_provider(actor)
    return _live(region).order_by("created_at")


def authenticate(text: str, *, address: str = "", request_id: str = "") -> Actor | None:
    """The prober behind a key, called as its region; None for a key that is unknown or revoked."""
    key = keys.used(ProberKey.objects.select_related("region"), text)
    if key is None:
        return None
    return Actor(
        kind="prober",
        id=key.public_id,
        name=key.region.code,
        address=address,
        request_id=request_id,
    )


def region_of(actor: Actor, code: str) -> Region:
    """The region of a prober, if it is the one that it asks for.

    Raises: NotPermitted for everybody who is no prober with a key; NotFound for another region.
    """
    if actor.kind != "prober":
        raise NotPermitted(
            _("Only a region's prober may do this."), hint=_("Staff make the key of a prober.")
        )
    region = Region.objects.filter(
        code=code, prober_keys__public_id=actor.id, prober_keys__revoked_at__isnull=True
    ).first()
    if region is None:
        raise NotFound(_("This key is for another region, or there is none of this name."))
    return region


def has_heard(actor: Actor) -> bool:
    """Whether a service ever answered this prober."""
    return ProberKey.objects.filter(public_id=actor.id, heard_at__isnull=False).exists()


def note_heard(actor: Actor) -> None:
    """A service answered this prober; only the first time is kept."""
    first = ProberKey.objects.filter(public_id=actor.id, heard_at__isnull=True)
    first.update(heard_at=clock.now())


def _live(region: Region) -> QuerySet[ProberKey]:
    return ProberKey.objects.filter(region=region, revoked_at__isnull=True)


def _require_provider(actor: Actor) -> None:
    keys.require_provider(actor, _("Only the provider makes and ends keys of probers."))


def forget_person(name: str) -> None:
    """Keys no longer say who made them. Call it within a transaction."""
    ProberKey.objects.filter(created_by=name).update(created_by="")
