"""The provider's pages."""

from services.regions.models import Region
from tests.makers import make_region
from tests.portal.doors import ANY, STAFF, Door, World


def _organisation(_: World) -> dict[str, str]:
    return {"slug": "matrix-org"}


def _act(_: World) -> dict[str, str]:
    return {"slug": "matrix-org", "what": "vat-id"}


def _place(_: World) -> dict[str, str]:
    return {"slug": "matrix-org", "project": "matrix", "region": "local"}


def _service(world: World) -> dict[str, str]:
    return {"public_id": world["instance"].public_id}


def _operation(world: World) -> dict[str, str]:
    return {"public_id": world["operation"].public_id}


def _request(_: World) -> dict[str, str]:
    return {"public_id": "qr-00000000"}


def _region(_: World) -> dict[str, str]:
    return {"code": "local"}


def _cluster(_: World) -> dict[str, str]:
    """A region on Kubernetes; made where the world has none."""
    if not Region.objects.filter(code="cluster").exists():
        make_region("cluster", backend="kubernetes")
    return {"code": "cluster"}


def _engine(_: World) -> dict[str, str]:
    return {"name": "postgresql-17"}


def _row(_: World) -> dict[str, str]:
    return {"public_id": "xx-00000000"}


def _invoice(_: World) -> dict[str, str]:
    return {"number": "2026-000000"}


def _payment(_: World) -> dict[str, str]:
    return {"number": "2026-000000", "what": "payment"}


def _member(world: World) -> dict[str, str]:
    return {"public_id": world["member"].public_id}


DOORS = [
    Door("console:staff", "GET", STAFF),
    Door("console:staff-search", "GET", STAFF),
    Door("console:staff-organisations", "GET", STAFF),
    Door("console:staff-organisation", "GET", STAFF, at=_organisation),
    Door("console:staff-people", "GET", STAFF, at=_organisation),
    Door("console:staff-services", "GET", STAFF, at=_organisation),
    Door("console:staff-suspend", "POST", STAFF, at=_organisation),
    Door("console:staff-bring-back", "POST", STAFF, at=_organisation),
    Door("console:staff-lift", "POST", STAFF, at=_organisation),
    Door("console:staff-quota", "GET", STAFF, at=_organisation),
    Door("console:staff-quota-edit", "GET", STAFF, at=_place),
    Door("console:staff-quota-edit", "POST", STAFF, at=_place),
    Door("console:staff-billing", "GET", STAFF),
    Door("console:staff-payments", "GET", STAFF),
    Door("console:staff-reminders", "GET", STAFF),
    Door("console:staff-reminders-suspend", "POST", STAFF, at=_organisation),
    Door("console:staff-payments-statement", "POST", STAFF),
    Door("console:staff-payments-entry", "POST", STAFF, at=_row, missing=True),
    Door("console:staff-payments-invoice", "GET", STAFF, at=_invoice, missing=True),
    Door("console:staff-payments-act", "POST", STAFF, at=_payment, missing=True),
    Door("console:staff-spot", "GET", STAFF),
    Door("console:staff-spot-offer", "POST", STAFF),
    Door("console:staff-spot-price", "POST", STAFF),
    Door("console:staff-prices", "GET", STAFF),
    Door("console:staff-prices", "POST", STAFF),
    Door("console:staff-exports", "GET", STAFF),
    Door("console:staff-exports-save", "POST", STAFF, {}),
    Door("console:staff-exports-try", "POST", STAFF, {}),
    Door("console:staff-exports-remove", "POST", STAFF, {}),
    Door("console:staff-exports-file", "GET", STAFF),
    Door("console:staff-revenue", "GET", STAFF),
    Door("console:staff-revenue", "POST", STAFF),
    Door("console:staff-invoice-runs", "GET", STAFF),
    Door("console:staff-invoice-runs", "POST", STAFF),
    Door("console:staff-organisation-billing", "GET", STAFF, at=_organisation),
    Door("console:staff-organisation-billing-act", "POST", STAFF, at=_act),
    Door("console:staff-requests", "GET", STAFF),
    Door("console:staff-request", "POST", STAFF, at=_request),
    Door("console:staff-operations", "GET", STAFF),
    Door("console:staff-operations-bulk", "POST", STAFF),
    Door("console:staff-operation", "GET", STAFF, at=_operation),
    Door("console:staff-service", "GET", STAFF, at=_service),
    Door("console:staff-destroy", "POST", STAFF, at=_service),
    Door("console:staff-regions", "GET", STAFF),
    Door("console:staff-region", "GET", STAFF, at=_region),
    Door("console:staff-queue", "GET", STAFF, at=_region),
    Door("console:staff-region-close", "POST", STAFF, at=_region),
    Door("console:staff-region-open", "POST", STAFF, at=_region),
    Door("console:staff-prober-key", "POST", STAFF, at=_region),
    Door("console:staff-prober-key-revoke", "POST", STAFF, at=_row),
    Door("console:staff-region-check", "POST", STAFF, at=_region),
    Door("console:staff-region-settings", "GET", STAFF, at=_cluster),
    Door("console:staff-region-settings", "POST", STAFF, at=_cluster),
    Door("console:staff-region-kubeconfig", "POST", STAFF, at=_cluster),
    Door("console:staff-region-add", "GET", STAFF),
    Door("console:staff-region-add", "POST", STAFF),
    Door("console:staff-usage", "GET", STAFF),
    Door("console:staff-meter-key", "POST", STAFF),
    Door("console:staff-meter-key-revoke", "POST", STAFF, at=_row),
    Door("console:staff-usage-settle", "POST", STAFF, at=_row),
    Door("console:staff-drift", "GET", STAFF),
    Door("console:staff-drift", "POST", STAFF),
    Door("console:staff-engines", "GET", STAFF),
    Door("console:staff-engine-install", "POST", STAFF, at=_engine),
    Door("console:staff-engine-remove", "POST", STAFF, at=_engine),
    Door("console:staff-look", "GET", STAFF, at=_member),
    Door("console:staff-look", "POST", STAFF, at=_member),
    # For staff that looks as somebody; for everybody else there is nothing to end.
    Door("console:looking-end", "POST", ANY, missing=True),
    Door("console:looking-changes", "GET", ANY, missing=True),
    Door("console:looking-changes", "POST", ANY, missing=True),
    Door("console:staff-announcements", "GET", STAFF),
    Door("console:staff-announcements", "POST", STAFF),
    Door("console:staff-announcement-withdraw", "POST", STAFF, at=_row),
    Door("console:staff-incidents", "GET", STAFF),
    Door("console:staff-incident-new", "GET", STAFF),
    Door("console:staff-incident-new", "POST", STAFF),
    Door("console:staff-incident", "GET", STAFF, at=_row),
    Door("console:staff-incident", "POST", STAFF, at=_row),
    Door("console:staff-work-new", "GET", STAFF),
    Door("console:staff-work-new", "POST", STAFF),
    Door("console:staff-work", "GET", STAFF, at=_row),
    Door("console:staff-work", "POST", STAFF, at=_row),
    Door("console:staff-work-cancel", "POST", STAFF, at=_row),
    Door("console:staff-work-end", "POST", STAFF, at=_row),
]
