"""Requests for more quota: a project asks, staff approve (with what was asked for, or another
limit) or refuse with an answer.
"""

from __future__ import annotations

from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from portal.audit.actions import record
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from portal.tenancy import access
from portal.tenancy.models import Project
from portal.tenancy.permissions import Permission
from services.regions import notices
from services.regions.models import Quota, QuotaRequest, Region

_LARGEST = Decimal(10_000_000)
_MOST_REASON = 1000


@transaction.atomic
def request_quota(
    *, actor: Actor, project: Project, region: Region, name: str, limit: Decimal, reason: str
) -> QuotaRequest:
    """Asks for `limit` in all of what the quota `name` counts in `region`.

    Raises: NotPermitted, Invalid, Conflict while the same is being asked already.
    """
    access.require(actor, project, Permission.QUOTA_REQUEST)
    quota = Quota.objects.filter(project=project, region=region, name=name).first()
    if quota is None:
        raise Invalid({"name": _("There is no limit of this kind here, so you need none.")})
    faults: dict[str, str] = {}
    if not limit.is_finite() or not (quota.limit < limit <= _LARGEST):
        faults["limit"] = _("Give a number above %(limit)s, which you have already.") % {
            "limit": plain(quota.limit)
        }
    reason = reason.strip()
    if not reason or len(reason) > _MOST_REASON or "\0" in reason:
        faults["reason"] = _("Say what it is for, in at most %(most)s characters.") % {
            "most": _MOST_REASON
        }
    if faults:
        raise Invalid(faults)
    asked = QuotaRequest(
        project=project,
        region=region,
        name=name,
        limit=limit,
        limit_before=quota.limit,
        reason=reason,
        requested_by_id=actor.user_id,
    )
    try:
        with transaction.atomic():
            asked.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(
            _("The project asks for more of this already, and waits for an answer."),
            hint=_("Withdraw that request first."),
            code="asked-already",
        ) from error
    _record(actor, asked, "quota.request", reason)
    return asked


@transaction.atomic
def withdraw_quota_request(*, actor: Actor, request: QuotaRequest) -> QuotaRequest:
    """Raises: NotPermitted, Conflict once it is decided."""
    request = _locked(request)
    access.require(actor, request.project, Permission.QUOTA_REQUEST)
    _close(actor, request, QuotaRequest.State.WITHDRAWN, "")
    _record(actor, request, "quota.withdraw", "")
    return request


@transaction.atomic
def approve_quota_request(
    *, actor: Actor, request: QuotaRequest, limit: Decimal | None = None, answer: str = ""
) -> QuotaRequest:
    """Sets the quota to what was asked for, or to `limit`.

    Raises: NotPermitted unless the provider does it, Invalid, Conflict once it is decided.
    """
    request = _decidable(actor, request)
    granted = request.limit if limit is None else limit
    quota = Quota.objects.select_for_update().get(
        project=request.project, region=request.region, name=request.name
    )
    if not granted.is_finite() or not (quota.used <= granted <= _LARGEST):
        raise Invalid(
            {
                "limit": _("The project uses %(used)s of it: give that or more.")
                % {"used": plain(quota.used)}
            }
        )
    before, quota.limit = quota.limit, granted
    quota.save(update_fields=["limit"])
    request.limit_granted = granted
    _close(actor, request, QuotaRequest.State.APPROVED, answer)
    notices.tell_decision(request)
    _record(actor, request, "quota.approve", answer, before=before, after=granted)
    return request


@transaction.atomic
def refuse_quota_request(*, actor: Actor, request: QuotaRequest, answer: str) -> QuotaRequest:
    """The quota stays; `answer` says why, and the project reads it.

    Raises: NotPermitted unless the provider does it, Invalid, Conflict once it is decided.
    """
    request = _decidable(actor, request)
    if not answer.strip():
        raise Invalid({"answer": _("Say why: the project reads it.")})
    _close(actor, request, QuotaRequest.State.REFUSED, answer)
    notices.tell_decision(request)
    _record(actor, request, "quota.refuse", answer)
    return request


def quota_requests_for(actor: Actor) -> QuerySet[QuotaRequest]:
    """Those of the projects that `actor` may see, newest first."""
    seen = access.project_keys(actor, Permission.PROJECT_VIEW)
    return _related().filter(project__in=seen)


def quota_request_for(actor: Actor, public_id: str) -> QuotaRequest:
    """Raises: NotFound."""
    found = quota_requests_for(actor).filter(public_id=public_id).first()
    if found is None:
        raise _no_request(public_id)
    return found


def pending_quota_requests() -> QuerySet[QuotaRequest]:
    """For staff: those of all tenants that wait for an answer, oldest first."""
    return _related().filter(state=QuotaRequest.State.PENDING).order_by("id")


def quota_request_called(public_id: str) -> QuotaRequest:
    """For staff: one of any tenant. Raises: NotFound."""
    found = _related().filter(public_id=public_id).first()
    if found is None:
        raise _no_request(public_id)
    return found


def plain(amount: Decimal) -> str:
    """An amount without zeros that say nothing."""
    return f"{amount.normalize():f}"


def _related() -> QuerySet[QuotaRequest]:
    rows = QuotaRequest.objects.select_related("project__organisation", "region", "requested_by")
    return rows.order_by("-id")


def _no_request(public_id: str) -> NotFound:
    return NotFound(
        _("There is no request “%(id)s” for quota, or you may not see it.") % {"id": public_id},
        hint=_("See the list of requests of the project."),
    )


def _locked(request: QuotaRequest) -> QuotaRequest:
    rows = _related().select_for_update(of=("self",))
    return rows.get(pk=request.pk)


def _decidable(actor: Actor, request: QuotaRequest) -> QuotaRequest:
    if not actor.is_provider:
        raise NotPermitted(
            _("Only the provider decides on requests for quota."), hint=_("Wait for the answer.")
        )
    return _locked(request)


def _close(actor: Actor, request: QuotaRequest, state: str, answer: str) -> None:
    """Raises: Invalid, Conflict once it is decided."""
    if request.state != QuotaRequest.State.PENDING:
        raise Conflict(
            _("This request for quota was decided or withdrawn already."),
            hint=_("Load the page again to see the answer."),
            code="decided-already",
        )
    if len(answer) > _MOST_REASON or "\0" in answer:
        raise Invalid(
            {"answer": _("Give an answer of at most %(most)s characters.") % {"most": _MOST_REASON}}
        )
    request.state = state
    request.answer = answer.strip()
    request.decided_by = actor.name if state != QuotaRequest.State.WITHDRAWN else ""
    request.decided_at = clock.now()
    request.save()


def _record(
    actor: Actor,
    request: QuotaRequest,
    verb: str,
    reason: str,
    *,
    before: Decimal | None = None,
    after: Decimal | None = None,
) -> None:
    asked = {"region": request.region.code, "name": request.name, "limit": plain(request.limit)}
    record(
        actor,
        verb,
        "quota_request",
        request.public_id,
        chain=request.project.organisation.slug,
        project=request.project.slug,
        before={} if before is None else {"limit": plain(before)},
        after=asked if after is None else asked | {"limit": plain(after)},
        reason=reason,
    )
