"""What a person who has just signed up needs to order something: an organisation and a project of
their own.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from portal.accounts.actors import user_actor
from portal.accounts.models import User
from portal.tenancy import actions
from portal.tenancy.models import Membership, Project


@transaction.atomic
def make_home(user: User) -> Project | None:
    """An organisation and a project for somebody who is in none; None for everybody else."""
    User.objects.select_for_update().get(pk=user.pk)
    if Membership.objects.filter(user=user).exists():
        return None
    actor = user_actor(user)
    name = user.name[:80] or user.email.partition("@")[0]
    organisation = actions.create_organisation(actor=actor, name=name)
    return actions.create_project(
        actor=actor, organisation=organisation, name=_("%(name)s first project") % {"name": name}
    )
