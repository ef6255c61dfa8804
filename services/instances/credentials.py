"""What clients log in with, as the backend tells it: shown, or with its secrets hidden."""

from __future__ import annotations

from dataclasses import replace

from django.db import transaction
from django.utils.translation import gettext as _

from portal.audit.actions import record
from portal.kernel.actor import Actor
from portal.kernel.errors import BackendError, Conflict, Gone, Unavailable
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from portal.tenancy.refusals import refuse_while_looking
from services.backends import backend_for
from services.instances.models import Instance
from services.instances.specs import entry_of, spec_of
from services.instances.states import Phase
from services.spec import Credentials


def reveal_credentials(actor: Actor, instance: Instance) -> Credentials:
    """What a client needs to log in; the look is audited.

    Raises: NotPermitted, Gone, Conflict before the instance is ready, Unavailable when the backend
    does not answer.
    """
    access.require(actor, instance.project, Permission.CREDENTIAL_REVEAL)
    refuse_while_looking(actor)
    if instance.deleted_at is not None:
        raise Gone(_("This service was destroyed."), hint=_("Order a new one."))
    if instance.phase in (Phase.CREATING, Phase.FAILED):
        raise Conflict(
            _("There is nothing to connect to yet."),
            hint=_("Wait until the service runs."),
            code="not-ready",
        )
    try:
        found = backend_for(instance.region).credentials(entry_of(instance), spec_of(instance))
    except BackendError as error:
        raise _away() from error
    with transaction.atomic():
        record(
            actor,
            "credential.reveal",
            "instance",
            instance.public_id,
            chain=instance.project.organisation.slug,
            project=instance.project.slug,
        )
    return found


def masked_credentials(instance: Instance) -> Credentials:
    """As `reveal_credentials`, with dots for every secret: for a page. Not audited, since nothing
    is told.

    Raises: BackendError when the place is not known yet.
    """
    spec = spec_of(instance, with_secrets=False)
    dots = {name: type(value)("••••••••••••") for name, value in spec.secrets.items()}
    shown = replace(spec, secrets=dots)
    return backend_for(instance.region).credentials(entry_of(instance), shown)


def authority_of(instance: Instance) -> str:
    """The CA certificates that clients trust; empty where there are none. Raises: Unavailable."""
    try:
        return masked_credentials(instance).ca_certificate
    except BackendError as error:
        raise _away() from error


def _away() -> Unavailable:
    return Unavailable(
        _("The region does not answer, so its credentials cannot be read now."),
        hint=_("Nothing is lost. Try again in a minute."),
    )
