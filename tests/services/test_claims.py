"""Two workers at one operation: one wins, and a worker that lost its claim writes nothing."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.db.models.functions import Now

from portal.kernel.errors import StaleState
from services.instances import states, upkeep, work
from services.instances.models import Operation
from services.instances.states import OperationState as S
from tests.makers import drive, make_project, make_region, order

pytestmark = pytest.mark.usefixtures("prices", "fake")


@pytest.fixture
def operation(db):
    return order(make_project(), make_region())


def test_a_lease_keeps_others_out(operation):
    assert states.claim(operation.pk, 30)
    assert not states.claim(operation.pk, 30)


def test_a_dead_lease_is_found_by_the_sweep(operation, sent):
    states.claim(operation.pk, 30)
    upkeep.sweep()
    assert sent == []
    Operation.objects.update(lease_until=Now() - timedelta(seconds=1))
    upkeep.sweep()
    assert sent == [operation.pk]
    assert states.claim(operation.pk, 30)


def test_a_lost_message_is_found_by_the_sweep(operation, sent):
    upkeep.sweep()
    assert sent == []  # fresh: its message is still on its way
    Operation.objects.update(created_at=Now() - timedelta(seconds=5))
    upkeep.sweep()
    assert sent == [operation.pk]


def test_who_lost_the_claim_writes_nothing(operation):
    states.claim(operation.pk, 30)
    slow = Operation.objects.get(pk=operation.pk)
    Operation.objects.update(lease_until=Now() - timedelta(seconds=1))
    states.claim(operation.pk, 30)
    with pytest.raises(StaleState):
        states.hold(slow, error_code="x")
    with pytest.raises(StaleState):
        states.transition(slow, S.SUCCEEDED)


@pytest.mark.parametrize("to", [s for s in S if s not in states.TRANSITIONS[S.PENDING]])
def test_arrows_not_in_the_table_are_bugs(operation, to):
    with pytest.raises(ValueError):
        states.transition(operation, to)


def test_an_early_turn_does_nothing(operation):
    Operation.objects.update(next_attempt_at=Now() + timedelta(seconds=60))
    work.take_turn(operation.pk)
    operation.refresh_from_db()
    assert (operation.state, operation.claim) == ("pending", 0)


@pytest.mark.django_db(transaction=True)
def test_of_eight_threads_one_claims():
    operation = order(make_project(), make_region())
    gate, won = Barrier(8), []

    def compete():
        gate.wait()
        won.append(states.claim(operation.pk, 30))
        connection.close()

    threads = [Thread(target=compete) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]


def test_a_region_that_does_not_answer_is_left_alone(operation, fake):
    from portal.kernel.errors import Temporary

    fake.faults = [Temporary("supervisor-down", retry_after=0) for _ in range(4)]
    for _ in range(4):
        Operation.objects.update(next_attempt_at=None)
        work.take_turn(operation.pk)
    region = operation.instance.region
    region.refresh_from_db()
    assert region.retry_at is not None
    type(region).objects.update(retry_at=None)
    assert drive(operation).state == "succeeded"
