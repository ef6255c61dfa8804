"""How many queries the API needs: few, and as many for a long list as for a short one."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from services.instances.models import Instance, Operation
from tests.caching import forget
from tests.makers import (
    drive,
    make_instance,
    make_member,
    make_project,
    make_quota,
    make_region,
    order,
)
from tests.portal.api import Api

pytestmark = [pytest.mark.walk, pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]


@pytest.fixture
def project():
    return make_project(slug="shop")


@pytest.fixture
def region(project):
    found = make_region()
    make_quota(project, found, instances=100, vcpu=200, memory_mib=10**6, storage_gib=10**5)
    return found


@pytest.fixture
def api(project):
    found = Api(make_member(project))
    assert found.get("regions").status_code == 200  # writes the time of use of the token
    return found


def counted(call, status=200):
    with CaptureQueriesContext(connection) as queries:
        answer = call()
    assert answer.status_code == status, answer.content
    return [query["sql"] for query in queries]


@pytest.mark.parametrize("count", [1, 40])
def test_a_list_of_services(api, project, region, count):
    """Some of them with an open operation; nothing is in the cache."""
    for number in range(count):
        order(project, region, offering=("postgresql", "redis")[number % 2])
    forget()
    assert len(counted(lambda: api.get("instances"))) == 5
    assert len(counted(lambda: api.get("instances"))) == 4
    Operation.objects.update(state="cancelled")
    assert len(counted(lambda: api.get("instances"))) == 3


@pytest.mark.parametrize("count", [1, 40])
def test_a_list_of_operations(api, project, region, count):
    for _number in range(count):
        order(project, region)
    forget()
    assert len(counted(lambda: api.get("operations"))) == 3


def test_one_service(api, project, region):
    instance = make_instance(project, region)
    order(project, region)
    forget()
    assert len(counted(lambda: api.get(f"instances/{instance.public_id}"))) <= 5
    opened = api.patch(f"instances/{instance.public_id}", {"plan": "single-4x16"}).json()
    forget()
    assert len(counted(lambda: api.get(f"instances/{instance.public_id}"))) <= 6
    assert len(counted(lambda: api.get(f"operations/{opened['id']}"))) <= 4


def test_an_order(api, project, region):
    forget()
    body = {"offering": "postgresql", "name": "orders-db", "plan": "single-2x8", "region": "local"}
    sql = counted(lambda: api.post("projects/shop/instances", body), 202)
    assert len(sql) <= 21, "\n".join(sql)
    keyed = {"Idempotency-Key": "k"}
    body["name"] = "second"
    sql = counted(lambda: api.post("projects/shop/instances", body, **keyed), 202)
    # With begin and commit of two levels, and who is billed: that decides the VAT of the quote.
    assert len(sql) <= 24, "\n".join(sql)
    again = counted(lambda: api.post("projects/shop/instances", body, **keyed), 202)
    assert len(again) <= 9, "\n".join(again)


@pytest.mark.parametrize("count", [1, 30])
def test_other_lists(api, project, region, count):
    for number in range(count):
        make_project(project.organisation, slug=f"p-{number}")
        make_member(project)
    drive(order(project, region))
    ident = Instance.objects.get().public_id
    paths = {
        "projects": 5,
        "members": 5,
        "organisations": 2,
        "tokens": 2,
        "audit": 5,
        "offerings": 3,
        "prices": 2,
        f"instances/{ident}/events": 5,
    }
    forget()
    for path, most in paths.items():
        sql = counted(lambda path=path: api.get(path))
        assert len(sql) <= most, (path, sql)
