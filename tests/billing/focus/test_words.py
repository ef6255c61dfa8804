"""What is called what in FOCUS, and who may have a file: no file is written."""

import pytest

from billing.focus import queries
from billing.focus.services import CATEGORY_OF, subcategory_of
from billing.focus.units import consumed_unit, pricing_unit
from portal.kernel.errors import NotFound, NotPermitted
from portal.tenancy.permissions import Role
from services import registry
from tests.billing.focus.conftest import OCTOBER
from tests.makers import actor_for, make_member, make_project, make_staff


@pytest.mark.django_db
def test_members_of_all_of_it_may_read():
    project = make_project()
    actor = actor_for(make_member(project, Role.VIEWER))
    scope = queries.scope_for(actor, project.organisation, OCTOBER)
    assert (scope.organisation, scope.first) == (project.organisation_id, OCTOBER)


@pytest.mark.django_db
def test_who_sees_one_project_may_not():
    project = make_project()
    actor = actor_for(make_member(project, Role.VIEWER, only_project=True))
    with pytest.raises(NotPermitted):
        queries.scope_for(actor, project.organisation, OCTOBER)


@pytest.mark.django_db
def test_strangers_learn_nothing_and_no_tenant_sees_all():
    stranger = actor_for(make_member(make_project(), Role.OWNER))
    with pytest.raises(NotFound):
        queries.scope_for(stranger, make_project().organisation, OCTOBER)
    with pytest.raises(NotPermitted):
        queries.scope_for(stranger, None, OCTOBER)
    assert queries.scope_for(make_staff(), None, OCTOBER).organisation is None


# -- words -----------------------------------------------------------------------------------------


def test_every_offering_has_its_place_in_focus():
    for entry in registry.entries().values():
        assert subcategory_of(entry.offering) in CATEGORY_OF


@pytest.mark.parametrize(
    ("meter", "unit", "priced", "consumed"),
    [
        ("vcpu", "hour", "vCPU-Hours", "vCPU-Seconds"),
        ("storage_gib", "hour", "GiB-Hours", "GiB-Seconds"),
        ("requests", "million", "1000000 Requests", "Requests"),
        ("queries", "ten-thousand", "10000 Queries", "Queries"),
        ("egress", "GiB", "GiB", "GiB"),
        ("zones", "month", "Zone-Months", "Zone-Seconds"),
        ("devices", "thousand-months", "1000 Device-Months", "Device-Seconds"),
        ("public_ipv4", "hour", "Address-Hours", "Address-Seconds"),
        ("sms", "one", "Messages", "Messages"),
    ],
)
def test_units(meter, unit, priced, consumed):
    assert (pricing_unit(meter, unit), consumed_unit(meter, unit)) == (priced, consumed)
