"""Credits and vouchers."""

from datetime import timedelta
from decimal import Decimal

from billing.credits import vouchers
from billing.credits.vouchers import NewVoucher
from billing.models import Voucher
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.tenancy.permissions import Permission as P
from tests.portal.doors import STAFF, Door, World


def _voucher(_: World) -> dict[str, str]:
    found = Voucher.objects.first()
    if found is None:
        end = clock.now().date() + timedelta(days=90)
        wanted = NewVoucher(amount=Decimal(50), valid_until=end, credit_until=end, note="Fair")
        found, _code = vouchers.create_voucher(actor=SYSTEM, wanted=wanted)
    return {"public_id": found.public_id}


DOORS = [
    Door("console:credits", "GET", P.COST_VIEW, own=True),
    Door("console:credits-redeem", "POST", P.BILLING_MANAGE, {"code": "none"}, own=True),
    Door("console:staff-vouchers", "GET", STAFF),
    Door("console:staff-vouchers", "POST", STAFF, {}),
    Door("console:staff-voucher-withdraw", "POST", STAFF, at=_voucher),
]
