"""Reserved capacity: console and API."""

from billing.commitments import actions as commitments
from billing.commitments.actions import Wanted
from billing.models import BillingIdentity, Commitment
from portal.kernel.actor import SYSTEM
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Permission as P
from tests.portal.doors import Door, World

_FORM = {"offering": "postgresql", "plan": "single-2x8", "pieces": "1", "term": "1y"}
_BODY = {**_FORM, "pieces": 1, "organisation": "matrix-org"}


def _bought(world: World) -> Commitment:
    """A row of the organisation, made when it is first asked for."""
    wanted = Wanted(term="1y", offering="postgresql", plan="single-2x8", pieces=2)
    organisation = Organisation.objects.get(pk=world["organisation"].pk)  # it may know of none
    BillingIdentity.objects.get_or_create(organisation=organisation, defaults={"country": "NL"})
    found = Commitment.objects.filter(organisation=organisation).first()
    return found or commitments.purchase_commitment(
        actor=SYSTEM, organisation=organisation, wanted=wanted
    )


def _one(world: World) -> dict[str, str]:
    return {"public_id": _bought(world).public_id}


def _api(world: World) -> dict[str, str]:
    return {"id": _bought(world).public_id}


DOORS = [
    Door("console:commitments", "GET", P.COST_VIEW, own=True),
    Door("console:commitment-buy", "POST", P.BILLING_MANAGE, _FORM, own=True),
    Door("console:commitment-renew", "GET", P.BILLING_MANAGE, at=_one),
    Door("console:commitment-renew", "POST", P.BILLING_MANAGE, {}, at=_one),
    Door("api:commitments", "GET", P.COST_VIEW, query="organisation=matrix-org"),
    Door("api:commitments", "POST", P.BILLING_MANAGE, _BODY),
    Door("api:commitment", "GET", P.COST_VIEW, at=_api),
]
