"""What whoever asked for more quota hears of it, and staff of a region's prober."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from portal.notifications import kinds
from portal.notifications.kinds import Kind, sentence
from portal.outbox.actions import notify
from services.regions.texts import quota_label

if TYPE_CHECKING:
    from services.regions.models import QuotaRequest

_QUOTAS = gettext_noop("Quotas")
_PROVIDER = gettext_noop("Provider")
Params = Mapping[str, Any]


def _granted(params: Params) -> str:
    return _("%(quota)s in %(region)s: the limit is %(limit)s now") % _filled(params)


def _refused(params: Params) -> str:
    return _("%(quota)s in %(region)s: the limit stays at %(limit)s") % _filled(params)


def _answer(params: Params) -> str:
    return str(params.get("answer", ""))


def _filled(params: Params) -> dict[str, Any]:
    gaps = dict.fromkeys(("region", "limit"), "…")
    return {**gaps, **params, "quota": quota_label(str(params.get("quota", "…")))}


def register() -> None:
    """At start."""
    kinds.register(
        Kind(
            "quota.approved",
            _granted,
            _answer,
            label=gettext_noop("More quota that you asked for was granted"),
            icon="gauge",
            tone="ok",
            group=_QUOTAS,
            url_name="console:quotas",
            targeted=False,
            mail=True,
        ),
        Kind(
            "quota.refused",
            _refused,
            _answer,
            label=gettext_noop("More quota that you asked for was refused"),
            icon="gauge",
            tone="warn",
            group=_QUOTAS,
            url_name="console:quotas",
            targeted=False,
            mail=True,
        ),
        Kind(
            "prober.silent",
            sentence(gettext_noop("%(region)s: nothing is heard of its prober")),
            sentence(
                gettext_noop(
                    "For %(minutes)s minutes. Services without a public endpoint are not measured "
                    "meanwhile; that counts against nobody."
                )
            ),
            group=_PROVIDER,
            label=gettext_noop("Nothing is heard of a region's prober"),
            icon="gauge",
            tone="warn",
            url_name="console:staff-region",
            mail=True,
            staff=True,
        ),
        Kind(
            "prober.heard",
            sentence(gettext_noop("%(region)s: its prober is heard again")),
            sentence(gettext_noop("Its services are measured again.")),
            group=_PROVIDER,
            label=gettext_noop("A region's prober is heard again"),
            icon="gauge",
            tone="ok",
            url_name="console:staff-region",
            mail=True,
            staff=True,
        ),
    )


def tell_decision(request: QuotaRequest) -> None:
    """In the transaction that decides."""
    granted = request.limit_granted
    limit = request.limit_before if granted is None else granted
    notify(
        f"quota.{request.state}",
        organisation_id=request.project.organisation_id,
        project_id=request.project_id,
        target=request.public_id,
        person_id=request.requested_by_id,
        params={
            "quota": request.name,
            "region": request.region.name,
            "limit": f"{limit.normalize():f}",
            "answer": request.answer,
        },
    )
