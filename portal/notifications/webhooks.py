"""Webhooks of a project: made, changed, tried, ended, read. Whoever may change the project may."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from portal.audit.actions import record
from portal.kernel import clock, crypto
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid, NotFound, TooManyRequests
from portal.notifications import delivering, kinds, targets
from portal.notifications.models import Delivery, DeliveryState, Webhook
from portal.notifications.targets import TargetError
from portal.outbox.actions import hint
from portal.outbox.models import OutboxEntry
from portal.tenancy import access
from portal.tenancy.models import Project
from portal.tenancy.permissions import Permission
from portal.tenancy.refusals import refuse_while_looking

MOST_WEBHOOKS = 10
MOST_BY_HAND = 10
OVERLAP = timedelta(hours=24)
_SECRET_PREFIX = "polder_wh_"  # noqa: S105  # what scanners for leaked secrets recognise
_MINUTE = timedelta(minutes=1)


# -- reads -----------------------------------------------------------------------------------------


def webhooks_for(actor: Actor, *, project: str | None = None) -> QuerySet[Webhook]:
    """Those of the projects that the actor may change, newest first."""
    keys = access.project_keys(actor, Permission.PROJECT_UPDATE)
    rows = Webhook.objects.filter(project__in=keys)
    if project:
        rows = rows.filter(project__slug=project)
    return rows.select_related("project__organisation").order_by("-id")


def webhook_for(actor: Actor, public_id: str) -> Webhook:
    """Raises: NotFound, NotPermitted for a member of its project who may not change it."""
    missing = _("There is no webhook “%(id)s”, or you may not see it.") % {"id": public_id}
    rows = Webhook.objects.filter(public_id=public_id)
    found = rows.select_related("project__organisation").first()
    if found is None:
        raise NotFound(missing, hint=_("See the list of webhooks."))
    access.require(actor, found.project, Permission.PROJECT_UPDATE, missing=missing)
    return found


def deliveries_of(webhook: Webhook) -> QuerySet[Delivery]:
    """Newest first."""
    return webhook.deliveries.select_related("entry", "replay_of").order_by("-id")


def delivery_of(webhook: Webhook, public_id: str) -> Delivery:
    """Raises: NotFound."""
    found = deliveries_of(webhook).filter(public_id=public_id).first()
    if found is None:
        raise NotFound(
            _("There is no delivery “%(id)s” of this webhook.") % {"id": public_id},
            hint=_("See the log of its deliveries."),
        )
    return found


# -- writes ----------------------------------------------------------------------------------------


@transaction.atomic
def create_webhook(
    *, actor: Actor, project: Project, url: str, kinds: Collection[str]
) -> tuple[Webhook, str]:
    """The webhook and its secret, which is shown once. Raises: Invalid, NotPermitted."""
    access.require(actor, project, Permission.PROJECT_UPDATE)
    refuse_while_looking(actor)
    _refuse_faults(url_faults(url) | kind_faults(kinds))
    Project.objects.select_for_update().get(pk=project.pk)
    if project.webhooks.count() >= MOST_WEBHOOKS:
        raise Invalid(
            {"url": _("A project holds at most %(most)s webhooks.") % {"most": MOST_WEBHOOKS}}
        )
    secret = _new_secret()
    webhook = Webhook.objects.create(
        project=project,
        url=url,
        kinds=_sorted(kinds),
        secret=crypto.encrypt(secret),
        created_by=actor.name,
    )
    _record(actor, webhook, "webhook.create", {}, _shape(webhook))
    return webhook, secret


@transaction.atomic
def update_webhook(
    *,
    actor: Actor,
    webhook: Webhook,
    url: str | None = None,
    kinds: Collection[str] | None = None,
    active: bool | None = None,
) -> Webhook:
    """What is not given stays. Switching it off gives up what still waits. Raises: Invalid,
    NotPermitted.
    """
    webhook = _locked(actor, webhook)
    before = _shape(webhook)
    faults: dict[str, str] = {}
    if url is not None and url != webhook.url:
        faults |= url_faults(url)
        webhook.url, webhook.failures, webhook.failing_since = url, 0, None
    if kinds is not None:
        faults |= kind_faults(kinds)
        webhook.kinds = _sorted(kinds)
    _refuse_faults(faults)
    if active is not None and active != webhook.active:
        webhook.disabled_at = None if active else clock.now()
        webhook.disabled_why, webhook.failures, webhook.failing_since = "", 0, None
    webhook.updated_at = clock.now()
    webhook.save()
    if not webhook.active:
        delivering.give_up_waiting(webhook)
    if _shape(webhook) != before:
        _record(actor, webhook, "webhook.update", before, _shape(webhook))
    return webhook


@transaction.atomic
def renew_secret(*, actor: Actor, webhook: Webhook) -> str:
    """A new secret, shown once; the old one signs beside it for a day, so that the receiver can be
    changed without missing anything. Raises: NotPermitted.
    """
    webhook = _locked(actor, webhook)
    refuse_while_looking(actor)
    secret = _new_secret()
    webhook.previous_secret, webhook.previous_until = webhook.secret, clock.now() + OVERLAP
    webhook.secret = crypto.encrypt(secret)
    webhook.save(update_fields=["secret", "previous_secret", "previous_until"])
    _record(actor, webhook, "webhook.renew_secret", {}, {})
    return secret


@transaction.atomic
def delete_webhook(*, actor: Actor, webhook: Webhook) -> None:
    """With its log. Raises: NotPermitted."""
    webhook = _locked(actor, webhook)
    before = _shape(webhook)
    Webhook.objects.filter(pk=webhook.pk).delete()
    _record(actor, webhook, "webhook.delete", before, {})


@transaction.atomic
def ping(*, actor: Actor, webhook: Webhook) -> Delivery:
    """Sends it an event that tells of nothing. Raises: NotPermitted, Conflict,
    TooManyRequests.
    """
    webhook = _locked(actor, webhook)
    _may_send_by_hand(webhook)
    now = clock.now()
    entry = OutboxEntry.objects.create(
        kind=kinds.PING,
        organisation_id=webhook.project.organisation_id,
        project=webhook.project,
        target=webhook.public_id,
        params={"webhook": webhook.public_id},
        asked_by=actor.name,
        done_at=now,
    )
    delivery = Delivery.objects.create(webhook=webhook, entry=entry, by_hand=True)
    _record(actor, webhook, "webhook.ping", {}, {"delivery": delivery.public_id})
    transaction.on_commit(lambda: hint("portal.notifications.tasks.deliver"))
    return delivery


@transaction.atomic
def replay(*, actor: Actor, webhook: Webhook, delivery: Delivery) -> Delivery:
    """Sends the same event once more, under a new delivery. Raises: NotPermitted, Conflict,
    TooManyRequests.
    """
    webhook = _locked(actor, webhook)
    _may_send_by_hand(webhook)
    again = Delivery.objects.create(
        webhook=webhook, entry=delivery.entry, replay_of=delivery, by_hand=True
    )
    after = {"delivery": again.public_id, "event": delivery.entry.public_id}
    _record(actor, webhook, "webhook.replay", {}, after)
    transaction.on_commit(lambda: hint("portal.notifications.tasks.deliver"))
    return again


# -- their parts -----------------------------------------------------------------------------------


def url_faults(url: str) -> dict[str, str]:
    """What is wrong with an address, as far as can be known now. A name that nobody knows yet is
    no fault: the log of deliveries will say so.
    """
    try:
        targets.address_of(targets.parse(url))
    except ValueError as error:
        return {"url": str(error)}
    except TargetError as error:
        if error.code == "refused":
            return {
                "url": _(
                    "This leads into a private network, where webhooks may not go. Give an address "
                    "that the internet reaches, or ask the provider to allow it."
                )
            }
    return {}


def kind_faults(chosen: Collection[str]) -> dict[str, str]:
    known = {kind.code for kind in kinds.for_webhooks()}
    if not chosen:
        return {"events": _("Choose at least one kind of event.")}
    unknown = sorted(set(chosen) - known)
    if unknown:
        return {"events": _("There is no kind of event “%(name)s”.") % {"name": unknown[0]}}
    return {}


def _locked(actor: Actor, webhook: Webhook) -> Webhook:
    rows = Webhook.objects.select_for_update(of=("self",)).select_related("project__organisation")
    found = rows.filter(pk=webhook.pk).first()
    if found is None:
        raise NotFound(_("This webhook was deleted."), hint=_("See the list of webhooks."))
    access.require(actor, found.project, Permission.PROJECT_UPDATE)
    return found


def _may_send_by_hand(webhook: Webhook) -> None:
    """Nobody uses Polder to flood a server."""
    if not webhook.active:
        raise Conflict(
            _("This webhook is switched off."), hint=_("Switch it on first."), code="webhook-off"
        )
    lately = Q(created_at__gt=clock.now() - _MINUTE) | Q(state=DeliveryState.PENDING)
    if webhook.deliveries.filter(lately, by_hand=True).count() >= MOST_BY_HAND:
        raise TooManyRequests(
            _("That was sent often enough for one minute."),
            hint=_("Wait a minute, then try again."),
            retry_after=60,
        )


def _new_secret() -> str:
    return f"{_SECRET_PREFIX}{crypto.new_password(40)}"


def _sorted(chosen: Collection[str]) -> list[str]:
    """In the order of the registry, each once."""
    return [kind.code for kind in kinds.for_webhooks() if kind.code in chosen]


def _shape(webhook: Webhook) -> dict[str, object]:
    return {
        "host": targets.host_of(webhook.url),
        "url_digest": crypto.digest(webhook.url)[:12],
        "events": webhook.kinds,
        "active": webhook.active,
    }


def _record(
    actor: Actor,
    webhook: Webhook,
    verb: str,
    before: Mapping[str, object],
    after: Mapping[str, object],
) -> None:
    record(
        actor,
        verb,
        "webhook",
        webhook.public_id,
        chain=webhook.project.organisation.slug,
        project=webhook.project.slug,
        before=before,
        after=after,
    )


def _refuse_faults(faults: dict[str, str]) -> None:
    if faults:
        raise Invalid(faults)


def forget_person(name: str) -> None:
    """Webhooks no longer say who made them. Call it within a transaction."""
    Webhook.objects.filter(created_by=name).update(created_by="")
