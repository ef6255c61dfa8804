"""The life of a service, on the fake backend: every kind of operation, every way it can end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from billing.orders import ordering
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import (
    Conflict,
    Gone,
    Invalid,
    OperationOpen,
    Permanent,
    QuotaExceeded,
    Temporary,
)
from services import registry
from services.instances import actions, admission, credentials, reconcile, upkeep, work
from services.instances.admission import Wanted
from services.instances.models import Credential, Instance, Operation
from services.instances.states import Kind
from services.regions.models import Quota, Region
from services.spec import Capability, Observation, Observed
from tests.makers import (
    drive,
    make_instance,
    make_owner,
    make_project,
    make_quota,
    make_region,
    order,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def region():
    return make_region()


@pytest.fixture
def instance(project, region):
    return make_instance(project, region)


def fresh(instance):
    return Instance.objects.select_related("project__organisation", "region").get(pk=instance.pk)


def unprotect(instance):
    return actions.edit(actor=SYSTEM, instance=instance, protected=False)


def test_create(project, region, sent, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        operation = order(project, region, name="orders-db")
    assert sent == [operation.pk]
    assert (operation.state, operation.instance.phase) == ("pending", "creating")
    drive(operation)
    instance = fresh(operation.instance)
    assert (operation.state, instance.phase, instance.health) == ("succeeded", "running", "ok")
    assert instance.endpoints[0]["port"] == 5432
    assert instance.price_hourly is not None
    assert [s["code"] for s in operation.steps] == ["start", "ready"]
    assert all(s["finished"] for s in operation.steps)


def test_secrets_are_stored_encrypted(instance):
    stored = Credential.objects.get(instance=instance, name="password").value
    shown = credentials.reveal_credentials(SYSTEM, instance).password
    assert shown not in stored
    assert len(shown) >= 24


def test_a_failed_create_frees_its_quota_and_can_be_retried(project, region, fake):
    make_quota(project, region, instances=1)
    fake.faults = [Permanent("engine-crashed", detail="no")]
    operation = drive(order(project, region))
    assert (operation.state, operation.error_code) == ("failed", "engine-crashed")
    assert fresh(operation.instance).phase == "failed"
    assert Quota.objects.get().used == 0
    again = drive(actions.retry(actor=SYSTEM, operation=operation))
    assert (again.state, again.retry_of) == ("succeeded", operation)
    assert fresh(operation.instance).phase == "running"
    assert Quota.objects.get().used == 1


def test_a_temporary_fault_is_tried_again(project, region, fake):
    fake.faults = [Temporary("busy", retry_after=30)] * 3
    operation = drive(order(project, region))
    assert operation.state == "succeeded"
    assert operation.attempts >= 4


def test_a_name_is_used_once_in_a_project(instance, project, region):
    with pytest.raises(Invalid) as caught:
        order(project, region, name=instance.name)
    assert "name" in caught.value.fields


def test_every_fault_is_named_at_once(project, region):
    with pytest.raises(Invalid) as caught:
        order(
            project,
            region,
            name="Nope",
            plan="huge",
            version="1",
            parameters={"max_connections": 1, "what": 1},
        )
    assert set(caught.value.fields) == {
        "name",
        "plan",
        "version",
        "parameters.max_connections",
        "parameters.what",
    }


def test_quota_is_refused_with_what_is_left(project, region):
    make_quota(project, region, vcpu=2, memory_mib=65536)
    order(project, region, plan="dev-1x1")
    with pytest.raises(QuotaExceeded) as caught:
        order(project, region, plan="single-2x8")
    assert caught.value.params == {"name": "vcpu", "wanted": "2", "left": "1"}
    assert Quota.objects.get(name="memory_mib").used == 1024


def test_resize(instance):
    operation = ordering.change_order(actor=SYSTEM, instance=instance, plan="single-2x8")
    assert fresh(instance).phase == "updating"
    drive(operation)
    after = fresh(instance)
    assert (after.plan, after.phase, after.generation) == ("single-2x8", "running", 2)
    assert after.price_hourly > instance.price_hourly


def test_a_failed_change_restores_what_was(project, region, fake):
    make_quota(project, region, vcpu=8)
    instance = make_instance(project, region)
    fake.faults = [Permanent("engine-crashed")]
    operation = ordering.change_order(actor=SYSTEM, instance=instance, plan="single-4x16")
    assert Quota.objects.get().used == 4
    drive(operation)
    after = fresh(instance)
    assert (operation.state, after.plan, after.phase) == ("failed", "dev-1x1", "running")
    assert after.generation == 3
    assert after.price_hourly == instance.price_hourly
    assert Quota.objects.get().used == 1


def test_the_number_of_nodes_stays_where_nothing_leads_to_another(project, region):
    instance = make_instance(project, region, offering="mariadb")
    with pytest.raises(Invalid) as caught:
        ordering.change_order(actor=SYSTEM, instance=instance, plan="ha-2x8")
    assert set(caught.value.fields) == {"plan"}
    drive(ordering.change_order(actor=SYSTEM, instance=instance, plan="single-2x8"))
    assert fresh(instance).plan == "single-2x8"


def test_a_version_is_one_that_runs_in_the_region(project, region):
    region.backend, region.checked_at = Region.Backend.KUBERNETES, clock.now()
    wanted = Wanted(project=project, region=region, entry=registry.get("kafka"), name="events")
    newer = replace(wanted, version="4.4")
    assert admission.admit_order(wanted).version == "4.2"
    with pytest.raises(Invalid) as caught:
        admission.admit_order(newer)
    assert set(caught.value.fields) == {"version"}
    region.backend = Region.Backend.PROCESS
    assert admission.admit_order(wanted).version == "4.4"


def test_what_is_fixed_at_create_stays(instance):
    with pytest.raises(Invalid) as caught:
        ordering.change_order(actor=SYSTEM, instance=instance, parameters={"database": "other"})
    assert set(caught.value.fields) == {"parameters.database"}


def test_one_change_at_a_time(instance):
    first = actions.pause(actor=SYSTEM, instance=instance)
    with pytest.raises(OperationOpen) as caught:
        actions.rotate(actor=SYSTEM, instance=instance)
    assert caught.value.params["operation"] == first.public_id


def test_pause_and_resume(instance):
    drive(actions.pause(actor=SYSTEM, instance=instance))
    assert fresh(instance).phase == "paused"
    with pytest.raises(Conflict):
        actions.pause(actor=SYSTEM, instance=instance)
    drive(ordering.resume_order(actor=SYSTEM, instance=instance))
    assert fresh(instance).phase == "running"


def test_rotate_changes_the_password(instance):
    before = credentials.reveal_credentials(SYSTEM, instance).password
    operation = actions.rotate(actor=SYSTEM, instance=instance)
    assert credentials.reveal_credentials(SYSTEM, instance).password == before
    drive(operation)
    assert credentials.reveal_credentials(SYSTEM, instance).password != before


def test_protection_is_on_by_default(instance):
    with pytest.raises(Conflict) as caught:
        actions.delete(actor=SYSTEM, instance=instance)
    assert caught.value.code == "protected"


def test_delete_and_change_your_mind(project, region):
    make_quota(project, region, vcpu=1, storage_gib=10)
    instance = unprotect(make_instance(project, region))
    drive(actions.delete(actor=SYSTEM, instance=instance))
    binned = fresh(instance)
    assert (binned.phase, binned.delete_at > clock.now()) == ("in_bin", True)
    assert [(q.name, q.used) for q in Quota.objects.order_by("name")] == [
        ("storage_gib", 10),
        ("vcpu", 0),
    ]
    drive(ordering.undelete_order(actor=SYSTEM, instance=instance))
    assert (fresh(instance).phase, fresh(instance).delete_at) == ("running", None)
    assert Quota.objects.get(name="vcpu").used == 1


def test_the_bin_is_emptied_when_its_time_is_over(instance):
    drive(actions.delete(actor=SYSTEM, instance=unprotect(instance)))
    Instance.objects.update(delete_at=clock.now() - timedelta(seconds=1))
    upkeep.sweep()
    drive(Operation.objects.get(kind="purge"))
    gone = fresh(instance)
    assert (gone.phase, gone.deleted_at is not None) == ("deleted", True)
    assert not Credential.objects.filter(instance=instance).exists()
    with pytest.raises(Gone):
        actions.pause(actor=SYSTEM, instance=instance)


def test_purge_frees_the_name(instance, project, region):
    drive(actions.purge(actor=SYSTEM, instance=unprotect(instance)))
    order(project, region, name=instance.name)


def test_a_delete_takes_over_what_is_under_way(instance):
    running = ordering.change_order(actor=SYSTEM, instance=instance, plan="single-2x8")
    operation = actions.delete(actor=SYSTEM, instance=unprotect(fresh(instance)))
    running.refresh_from_db()
    assert running.state == "cancelled"
    drive(operation)
    assert (fresh(instance).plan, fresh(instance).phase) == ("dev-1x1", "in_bin")


def test_cancel_of_a_create_leaves_nothing(project, region, fake):
    make_quota(project, region, instances=5)
    operation = order(project, region)
    actions.cancel(actor=SYSTEM, operation=operation)
    drive(operation)
    assert (operation.state, fresh(operation.instance).phase) == ("cancelled", "deleted")
    assert Quota.objects.get().used == 0
    assert fake.applied == {}


def test_cancel_ends_at_the_point_of_no_return(instance):
    operation = actions.rotate(actor=SYSTEM, instance=instance)
    Operation.objects.update(committed_at=clock.now())
    with pytest.raises(Conflict) as caught:
        actions.cancel(actor=SYSTEM, operation=operation)
    assert caught.value.code == "past-point-of-no-return"


@pytest.mark.parametrize(("as_before", "runs"), [(True, "16"), (False, "18")])
def test_an_upgrade_that_failed_goes_back_only_while_data_is_as_before(
    project, region, fake, monkeypatch, as_before, runs
):
    instance = make_instance(project, region, version="16")
    monkeypatch.setattr(admission, "capabilities", lambda _: {Capability.UPGRADE})
    monkeypatch.setitem(reconcile.POINT_OF_NO_RETURN, Kind.UPGRADE, ("start",))
    operation = ordering.change_order(actor=SYSTEM, instance=instance, version="18")
    seen = Observation(Observed.FAILED, "engine-crashed", "no room", data_as_before=as_before)
    monkeypatch.setattr(fake, "observe", lambda entry, spec: seen)
    drive(operation)
    after = fresh(instance)
    assert (operation.kind, operation.state, operation.error_detail) == (
        "upgrade",
        "failed",
        "no room",
    )
    assert (after.version, after.needs_attention) == (runs, True)
    assert fake.applied[instance.public_id].version == runs


def test_a_passed_deadline_fails_and_asks_for_attention(project, region, fake):
    operation = order(project, region)
    Operation.objects.update(deadline=clock.now() - timedelta(seconds=1))
    drive(operation)
    assert (operation.state, operation.error_code) == ("failed", "timed-out")
    assert fresh(operation.instance).needs_attention


def test_a_bug_ends_the_operation_and_frees_its_quota(project, region, fake, caplog):
    make_quota(project, region, instances=1)
    fake.faults = [ZeroDivisionError() for _ in range(3)]
    operation = drive(order(project, region))
    assert (operation.state, operation.error_code) == ("failed", "internal")
    assert Quota.objects.get().used == 0
    assert "operation.broken" in caplog.messages


def test_a_bug_that_passes_is_got_over(project, region, fake):
    fake.faults = [ZeroDivisionError()]
    assert drive(order(project, region)).state == "succeeded"


def test_undoing_that_fails_too_is_closed_and_shown_to_staff(project, region, fake):
    fake.faults = [Permanent("engine-crashed"), Permanent("engine-refused")]
    operation = drive(order(project, region))
    assert operation.state == "failed"
    assert fresh(operation.instance).needs_attention


def test_what_an_undo_waits_for_is_named_until_it_goes_on(project, region, fake):
    held = Temporary("deleting", retry_after=30, detail="StatefulSet pg-1: example.eu/held")
    fake.faults = [Permanent("engine-crashed", detail="no space left"), held]
    operation = order(project, region)
    work.take_turn(operation.pk)
    operation.refresh_from_db()
    assert operation.error_detail == "no space left\nStatefulSet pg-1: example.eu/held"
    drive(operation)
    assert (operation.state, operation.error_code) == ("failed", "engine-crashed")
    assert operation.error_detail == "no space left"


def test_an_undo_that_never_goes_on_names_what_held_it(project, region, fake):
    refused = Permanent("engine-refused", detail="held for ever")
    fake.faults = [Permanent("engine-crashed", detail="no space left"), refused]
    operation = drive(order(project, region))
    assert operation.error_detail == "no space left\nheld for ever"


def test_events_tell_when_plan_time_runs(instance):
    drive(actions.pause(actor=SYSTEM, instance=instance))
    codes = list(instance.events.order_by("id").values_list("code", "plan"))
    assert codes == [
        ("ordered", "dev-1x1"),
        ("created", "dev-1x1"),
        ("pause_requested", "dev-1x1"),
        ("paused", "dev-1x1"),
    ]


def test_a_person_sees_who_did_what(project, region):
    from portal.audit.queries import events_for, verify

    owner = make_owner(project)
    drive(order(project, region, actor=owner))
    slug = project.organisation.slug
    verbs = [e.verb for e in events_for(slug)]
    assert verbs == ["operation.succeeded", "instance.create"]
    assert events_for(slug).last().actor_name == owner.name
    assert verify(slug).ok
