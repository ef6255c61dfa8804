"""Quota under contention: many orders at once never pass the limit, nor lock each other out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connection, transaction

from portal.kernel.errors import QuotaExceeded
from services.regions import quota
from services.regions.models import Quota
from tests.makers import make_project, make_quota, make_region

ONE = {"instances": Decimal(1), "vcpu": Decimal(2), "memory_mib": Decimal(1024)}


@pytest.mark.django_db(transaction=True)
def test_many_at_once_never_pass_the_limit():
    project, region = make_project(), make_region()
    make_quota(project, region, instances=100, vcpu=10, memory_mib=100_000)

    def take(number: int) -> bool:
        names = list(ONE)[:: 1 if number % 2 else -1]  # asked for in either order
        try:
            with transaction.atomic():
                quota.move(
                    project_id=project.pk,
                    region_id=region.pk,
                    held={},
                    wanted={name: ONE[name] for name in names},
                )
        except QuotaExceeded:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        taken = sum(pool.map(take, range(40)))
    used = dict(Quota.objects.values_list("name", "used"))
    assert taken == 5
    assert used == {"instances": 5, "vcpu": 10, "memory_mib": 5120}


@pytest.mark.django_db
def test_a_change_moves_the_difference_and_names_without_a_row_have_no_limit():
    project, region = make_project(), make_region()
    make_quota(project, region, vcpu=4)

    def move(held: dict[str, int], wanted: dict[str, int]) -> None:
        quota.move(
            project_id=project.pk,
            region_id=region.pk,
            held={name: Decimal(value) for name, value in held.items()},
            wanted={name: Decimal(value) for name, value in wanted.items()},
        )

    move({}, {"vcpu": 3, "gpu": 100})
    move({"vcpu": 3, "gpu": 100}, {"vcpu": 4})
    assert Quota.objects.get().used == 4
    with pytest.raises(QuotaExceeded) as refused:
        move({"vcpu": 4}, {"vcpu": 6})
    assert (refused.value.params["wanted"], refused.value.params["left"]) == ("2", "0")
    move({"vcpu": 4}, {})
    assert Quota.objects.get().used == 0
