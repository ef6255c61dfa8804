"""The world that the doors lead into: who is there and what they have.

`make_world` is the small one, for questions of who may do what. Whoever adds a door that needs a
row adds the row there.
"""

from __future__ import annotations

from typing import Any

from portal.tenancy.permissions import Role
from services.instances.models import Operation
from tests.makers import (
    make_delivery,
    make_instance,
    make_member,
    make_organisation,
    make_owner,
    make_project,
    make_region,
    make_user,
    make_webhook,
)


def make_world() -> dict[str, Any]:
    """A project with a running service, an ended operation, and a person for each role.

    Needs prices and the fake backend.
    """
    organisation = make_organisation("matrix-org")
    project = make_project(organisation, "matrix")
    region = make_region()
    people: dict[Any, Any] = {role: make_member(project, role) for role in Role}
    elsewhere = make_project(make_organisation("elsewhere"))
    people["outsider"] = make_member(elsewhere, Role.OWNER)
    make_user("guest@test.example")
    member = make_member(project, Role.VIEWER, only_project=True).memberships.get()
    instance = make_instance(project, region, name="matrix", actor=make_owner(project))
    webhook = make_webhook(project)
    make_delivery(webhook)
    return {
        "people": people,
        "organisation": organisation,
        "project": project,
        "region": region,
        "instance": instance,
        "operation": Operation.objects.get(instance=instance),
        "member": member,
        "webhook": webhook,
    }
