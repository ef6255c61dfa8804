"""The bucket of an organisation, or the provider's own: set, changed, tried, ended, read. Who may
see the costs of all of it sees where they go; who manages its billing says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from billing.focus import uploading
from billing.focus.columns import VERSIONS
from billing.focus.uploading import Outcome
from billing.focus.writing import FORMATS
from billing.models import CostExport, CostUpload
from portal.audit.actions import PROVIDER, record
from portal.kernel import clock, crypto
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid
from portal.notifications import targets
from portal.notifications.targets import TargetError
from portal.tenancy import access, oversight
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Permission
from portal.tenancy.refusals import refuse_while_looking

FIELDS = ("endpoint", "region", "bucket", "prefix", "access_key", "version", "format")
_LOG = 30
_FORMS = {
    "bucket": re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
    "prefix": re.compile(r"(?:[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*)?"),
    "region": re.compile(r"[a-z0-9-]{1,60}"),
    "access_key": re.compile(r"[!-~]{1,128}"),
}


def export_for(actor: Actor, organisation: Organisation | None) -> CostExport | None:
    """Raises: NotPermitted, NotFound."""
    _require(actor, organisation, Permission.COST_VIEW)
    return CostExport.objects.filter(organisation=organisation).first()


def uploads_of(export: CostExport) -> list[CostUpload]:
    """Those of the last days, newest first."""
    return list(export.uploads.order_by("-day")[:_LOG])


@transaction.atomic
def save_export(
    *, actor: Actor, organisation: Organisation | None, values: Mapping[str, str]
) -> CostExport:
    """Sets where the files go. An empty `secret` leaves the one that is kept. What waits is tried
    at once. Raises: Invalid, NotPermitted.
    """
    _require(actor, organisation, Permission.BILLING_MANAGE)
    refuse_while_looking(actor)
    rows = CostExport.objects.select_for_update(of=("self",))
    row = rows.filter(organisation=organisation).first() or CostExport(
        organisation=organisation, created_by=actor.name
    )
    before = _shape(row) if row.pk else {}
    given = {name: values.get(name, "").strip() for name in (*FIELDS, "secret")}
    given["endpoint"] = given["endpoint"].rstrip("/")
    given["prefix"] = given["prefix"].strip("/")
    faults = _faults(given, has_secret=bool(row.secret))
    if faults:
        raise Invalid(faults)
    for name in FIELDS:
        setattr(row, name, given[name])
    if given["secret"]:
        row.secret = crypto.encrypt(given["secret"])
    row.active, row.updated_at = True, clock.now()
    row.save()
    row.uploads.filter(state=CostUpload.State.WAITING).update(next_attempt_at=clock.now())
    _record(actor, row, "cost_export.save", before, _shape(row))
    return row


@transaction.atomic
def remove_export(*, actor: Actor, organisation: Organisation | None) -> None:
    """With its log and secret; what lies in the bucket stays. Raises: Conflict, NotPermitted."""
    _require(actor, organisation, Permission.BILLING_MANAGE)
    row = _there(organisation)
    before = _shape(row)
    _record(actor, row, "cost_export.remove", before, {})
    row.delete()


def try_export(*, actor: Actor, organisation: Organisation | None) -> Outcome:
    """Writes a small object now. Raises: Conflict, NotPermitted."""
    _require(actor, organisation, Permission.BILLING_MANAGE)
    row = _there(organisation)
    outcome = uploading.try_out(row)
    after = {"error": outcome.error, "said": outcome.detail}
    with transaction.atomic():
        _record(actor, row, "cost_export.try", {}, after)
    return outcome


def next_day(export: CostExport) -> str:
    """The day of the next object, as `YYYY-MM-DD`."""
    today = clock.now().date()
    sent = export.uploads.filter(day=today).exclude(state=CostUpload.State.WAITING).exists()
    return f"{today + timedelta(days=1 if sent else 0):%Y-%m-%d}"


def forget_person(name: str) -> None:
    """Exports no longer say who set them up. Call it within a transaction."""
    CostExport.objects.filter(created_by=name).update(created_by="")


def _require(actor: Actor, organisation: Organisation | None, permission: Permission) -> None:
    if organisation is None:
        oversight.require_staff(actor)
    else:
        access.require_in_organisation(actor, organisation, permission)


def _there(organisation: Organisation | None) -> CostExport:
    row = CostExport.objects.select_related("organisation").filter(organisation=organisation)
    found = row.first()
    if found is None:
        raise Conflict(_("No bucket is set."), hint=_("Say where the files go first."))
    return found


def _faults(given: Mapping[str, str], *, has_secret: bool) -> dict[str, str]:
    told = {
        "bucket": _("3 to 63 lower-case letters, digits, dots and hyphens."),
        "prefix": _("Letters, digits, dots, hyphens and underscores, with / between folders."),
        "region": _("Lower-case letters, digits and hyphens, as in us-east-1."),
        "access_key": _("Give the id of the access key."),
    }
    found = {name: told[name] for name, form in _FORMS.items() if not form.fullmatch(given[name])}
    found |= _endpoint_faults(given["endpoint"])
    if given["version"] not in VERSIONS:
        found["version"] = _("Choose one.")
    if given["format"] not in FORMATS:
        found["format"] = _("Choose one.")
    if not (given["secret"] or has_secret):
        found["secret"] = _("Give the secret of the access key.")
    elif len(given["secret"]) > 256:
        found["secret"] = _("This is too long for a secret.")
    return found


def _endpoint_faults(endpoint: str) -> dict[str, str]:
    """A name that nobody knows yet is no fault: a try will say so."""
    try:
        url = targets.parse(endpoint)
        if "?" in url.path:
            return {"endpoint": _("Give scheme and host only.")}
        targets.address_of(url)
    except ValueError as error:
        return {"endpoint": str(error)}
    except TargetError as error:
        if error.code == "refused":
            text = _(
                "This leads into a private network, where files may not go. Give an address that "
                "the internet reaches, or ask the provider to allow it."
            )
            return {"endpoint": text}
    return {}


def _shape(row: CostExport) -> dict[str, object]:
    """Without the secret; the id of a key is none, but need not stand in a log."""
    return {
        "host": targets.host_of(row.endpoint),
        "bucket": row.bucket,
        "prefix": row.prefix,
        "version": row.version,
        "format": row.format,
        "key_digest": crypto.digest(row.access_key)[:12],
    }


def _record(
    actor: Actor,
    row: CostExport,
    verb: str,
    before: Mapping[str, object],
    after: Mapping[str, object],
) -> None:
    chain = row.organisation.slug if row.organisation else PROVIDER
    record(actor, verb, "cost_export", row.public_id, chain=chain, before=before, after=after)
