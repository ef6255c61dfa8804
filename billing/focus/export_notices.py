"""What people hear of files of costs that do not arrive: once when it begins, once when it is over.

The first attempt that fails is not told: the next one, a quarter of an hour later, mostly mends it.
"""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing.models import CostExport, CostUpload
from portal.kernel import clock
from portal.notifications import kinds, targets
from portal.notifications.kinds import Kind, Params, sentence
from portal.outbox.actions import notify
from portal.tenancy.permissions import Permission

FAILING, WORKS = "cost_export.failing", "cost_export.works"
PROVIDER_FAILING, PROVIDER_WORKS = "provider_export.failing", "provider_export.works"
_TOLERATED = 1  # attempts
# Error of an upload → what it means.
ERRORS = {
    "check": gettext_noop("The file does not keep our own checks, so it was not sent."),
    "status": gettext_noop("The store refused it."),
    "redirect": gettext_noop("It answered with a redirect, which is not followed."),
    "timeout": gettext_noop("It did not take the file in time."),
    "connect": gettext_noop("Nothing listens there, or it hung up."),
    "tls": gettext_noop("Its certificate is not valid for this name."),
    "protocol": gettext_noop("What answered does not speak HTTP."),
    "no-address": gettext_noop("The name has no address."),
    "refused": gettext_noop("The address lies in a private network, where files may not go."),
}


def tell(export: CostExport, upload: CostUpload) -> None:
    """After an attempt, in the transaction that writes down what came of it."""
    fails = bool(upload.error)
    if fails and upload.attempts <= _TOLERATED:
        return
    rows = CostExport.objects.filter(pk=export.pk, failing_since__isnull=fails)
    if not rows.update(failing_since=clock.now() if fails else None):
        return  # told already
    of_provider = export.organisation_id is None
    names = (PROVIDER_FAILING, PROVIDER_WORKS) if of_provider else (FAILING, WORKS)
    notify(
        names[0] if fails else names[1],
        organisation_id=export.organisation_id,
        target=export.public_id,
        params={
            "host": targets.host_of(export.endpoint),
            "bucket": export.bucket,
            "day": upload.day.isoformat(),
            "error": upload.error,
            "detail": upload.detail,
        },
    )


def error_text(code: str) -> str:
    return _(ERRORS[code]) if code in ERRORS else code


def _why(params: Params) -> str:
    said = f"{error_text(str(params.get('error', '')))} {params.get('detail', '')}"
    return f"{said.strip()} {_('It is tried again; you hear of it when it works.')}".strip()


def _kind(code: str, label: str, *, staff: bool) -> Kind:
    fails = code in (FAILING, PROVIDER_FAILING)
    title = (
        gettext_noop("Files of costs do not reach the bucket %(bucket)s")
        if fails
        else gettext_noop("Files of costs reach the bucket %(bucket)s again")
    )
    return Kind(
        code,
        sentence(title),
        _why if fails else sentence(gettext_noop("The file of %(day)s was delivered.")),
        group=gettext_noop("Provider") if staff else gettext_noop("Money"),
        label=label,
        icon="receipt-euro",
        tone="bad" if fails else "ok",
        url_name="console:staff-exports" if staff else "console:exports",
        targeted=False,
        everyone=None if staff else Permission.BILLING_MANAGE,
        mail=True,
        staff=staff,
    )


def register() -> None:
    """At start."""
    failing = gettext_noop("Files of costs do not reach their bucket")
    works = gettext_noop("Files of costs reach their bucket again")
    kinds.register(
        _kind(FAILING, failing, staff=False),
        _kind(WORKS, works, staff=False),
        _kind(PROVIDER_FAILING, gettext_noop("The provider's files of costs fail"), staff=True),
        _kind(PROVIDER_WORKS, gettext_noop("The provider's files of costs arrive"), staff=True),
    )
