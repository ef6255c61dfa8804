"""What staff tells tenants, and does to regions and engines."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from kombu.exceptions import OperationalError as BrokerError

from portal.audit.queries import events_for
from portal.kernel import clock
from portal.kernel.errors import Invalid
from portal.status import queries as status_queries
from services import backends, registry
from services.backends.process.engines import store
from services.instances import engines, workers
from services.instances.models import Instance
from services.regions.models import Region
from tests.makers import (
    make_instance,
    make_member,
    make_project,
    make_quota,
    make_region,
    make_staff,
    order,
    put_instance,
    signed_in,
)
from tests.walk.staff.pages import url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "plain_static")]


# -- what staff says -------------------------------------------------------------------------------


def test_an_announcement_is_shown_and_withdrawn(staff, project):
    reader = signed_in(Client(), make_member(project))
    where, form = url("-announcements"), {"text": "Backups move tonight.", "level": "info"}
    answer = staff.post(where, form | {"audience": "organisation", "organisation": "nope"})
    assert (answer.status_code, "no organisation with this" in answer.content.decode()) == (
        422,
        True,
    )
    assert staff.post(where, form | {"audience": "all", "ends_at": "x"}).status_code == 422
    assert staff.post(where, form | {"audience": "all", "text": ""}).status_code == 422
    staff.post(where, form | {"audience": "organisation", "organisation": "dike"})
    assert "Backups move tonight." in reader.get("/services/").content.decode()
    other = signed_in(Client(), make_member(make_project()))
    assert "Backups move tonight." not in other.get("/services/").content.decode()
    announcement = status_queries.announcements().get()
    assert "Shown now" in staff.get(where).content.decode()
    staff.post(url("-announcement-withdraw", announcement.public_id))
    assert "Backups move tonight." not in reader.get("/services/").content.decode()
    assert "Withdrawn" in staff.get(where).content.decode()


def test_only_information_can_be_put_away(staff):
    form = {"text": "Down", "audience": "all", "dismissible": "1"}
    staff.post(url("-announcements"), form | {"level": "bad"})
    assert status_queries.announcements().get().dismissible is False


def test_an_incident_is_told_from_beginning_to_end(staff, client, region):
    where, form = url("-incident-new"), {"title": "Slow disks", "impact": "major"}
    answer = staff.post(where, form | {"state": "investigating", "region": ["local"]})
    assert answer.status_code == 422
    assert 'name="region" value="local" checked' in answer.content.decode()
    form |= {"state": "investigating", "region": ["local"], "family": ["databases"]}
    answer = staff.post(
        where, form | {"text": "We look into it.", "started_at": "2026-01-02T03:04"}
    )
    incident = status_queries.incidents().get()
    assert answer["Location"] == url("-incident", incident.public_id)
    assert (incident.regions, incident.families) == (["local"], ["databases"])
    assert f"{incident.started_at:%Y-%m-%d %H:%M}" == "2026-01-02 03:04"
    assert "Slow disks" in Client().get("/status/").content.decode()
    page = url("-incident", incident.public_id)
    assert staff.post(page, {"text": "", "state": "resolved"}).status_code == 422
    staff.post(page, {"text": "A disk was replaced.", "state": "resolved", "impact": "minor"})
    incident.refresh_from_db()
    assert (incident.state, incident.impact) == ("resolved", "minor")
    assert "A disk was replaced." in staff.get(page).content.decode()


def test_work_is_planned_moved_and_ended(staff):
    form = {"title": "New switch", "text": "A minute without network."}
    new = url("-work-new")
    assert staff.post(new, form | {"starts_at": "2099-01-01T10:00"}).status_code == 422
    staff.post(new, form | {"starts_at": "2099-01-01T10:00", "ends_at": "2099-01-01T11:00"})
    work = status_queries.maintenances().get()
    page = url("-work", work.public_id)
    assert "2099-01-01T10:00" in staff.get(page).content.decode()
    early = {"starts_at": "2020-01-01T10:00", "ends_at": "2099-01-01T11:00"}
    assert staff.post(page, form | early | {"ends_at": "2019-01-01T10:00"}).status_code == 422
    staff.post(page, form | early)
    assert "It goes on now." in staff.get(page).content.decode()
    staff.post(url("-work-end", work.public_id))
    work.refresh_from_db()
    assert work.ended_at is not None
    assert staff.post(url("-work-cancel", work.public_id)).status_code == 409


# -- regions and engines ---------------------------------------------------------------------------


def test_a_region_is_closed_and_opened_with_a_reason(staff, project, region, fake):
    page = staff.get(url("-region", "local")).content.decode()
    assert "Close Local" in page
    assert staff.post(url("-region-close", "local"), {"reason": ""}).status_code == 422
    staff.post(url("-region-close", "local"), {"reason": "Disks run full"})
    region.refresh_from_db()
    with pytest.raises(Invalid, match="takes no new orders"):
        order(project, region)
    answer = staff.post(url("-region-close", "local"), {"reason": "Again"})
    assert (answer.status_code, "Load the page again" in answer.content.decode()) == (422, True)
    staff.post(url("-region-open", "local"), {"reason": "New disks"})
    region.refresh_from_db()
    assert order(project, region).state == "pending"
    rows = events_for("provider", verb="region.").order_by("sequence")
    assert [(row.verb, row.reason) for row in rows] == [
        ("region.close", "Disks run full"),
        ("region.open", "New disks"),
    ]


def test_a_region_says_how_it_is(staff, project, region, fake):
    make_quota(project, region, instances=3)
    make_instance(project, region)
    Region.objects.update(
        healthy=False,
        detail="supervisor-down",
        checked_at=clock.now(),
        failures=5,
        retry_at=clock.now() + timedelta(seconds=30),
    )
    page = staff.get(url("-region", "local")).content.decode()
    assert "It said: supervisor-down." in page
    assert "It failed 5 times running." in page
    assert 'Services</th><td class="r num">1</td><td class="r num">3</td>' in page
    assert "Does not answer" in staff.get(url("-regions")).content.decode()


def test_what_cannot_be_ordered_says_why(staff):
    make_region("bare", backend="process", unavailable={"redis": ["no-version-here", {}]})
    page = staff.get(url("-region", "bare")).content.decode()
    assert "No version of Valkey" in page
    assert "Machine" not in page  # its supervisor is elsewhere


def test_a_region_of_this_machine_shows_its_disk(staff, settings, tmp_path):
    settings.POLDER_HOME = tmp_path
    (tmp_path / "supervisor").mkdir()
    make_region("here", backend="process")
    page = staff.get(url("-region", "here")).content.decode()
    assert "Machine" in page
    assert 'aria-label="Disk"' in page


def test_the_queue_says_that_nobody_answers(staff, region, monkeypatch):
    monkeypatch.setattr(workers, "_PATIENCE_SECONDS", 0.05)
    answer = staff.get(url("-queue", "local"), headers={"HX-Request": "true"}).content.decode()
    assert "None answered" in answer
    assert "hx-trigger" not in answer
    assert "Capacity given" in staff.get(url("-queue", "local")).content.decode()


@pytest.fixture
def sent_tasks(monkeypatch, settings, tmp_path):
    """What the workers would be told; engines lie in a folder of the test's own."""
    settings.POLDER_HOME = tmp_path
    told: list[tuple[str, str, str]] = []
    monkeypatch.setattr(engines, "send", lambda *what: told.append(what))
    return told


def test_what_runs_in_a_cluster_needs_no_engine_here(staff, sent_tasks):
    cluster = make_region("cluster", backend="kubernetes")
    put_instance(make_project(), cluster, offering="rabbitmq", version="4.2", plan="dev-1x1")
    assert staff.get(url("-engines")).status_code == 200


def test_an_engine_is_fetched_and_removed(staff, sent_tasks):
    make_region("here", backend="process")
    page = staff.get(url("-engines")).content.decode()
    assert "NATS" in page
    staff.post(url("-engine-install", "nats-2"))
    assert sent_tasks == [("engine.install", "nats-2", "here")]
    assert staff.post(url("-engine-remove", "nats-2")).status_code == 409  # it is not here
    assert staff.post(url("-engine-install", "nope")).status_code == 404
    assert staff.post(url("-engine-install", "memcached-1.6")).status_code == 409  # a package
    assert events_for("provider", verb="engine.").count() == 1


def put_engine(home: Any, name: str) -> None:
    recipe = registry.engine(name)
    manifest = {"name": name, "version": recipe.version, "lock": store.lock_digest(recipe)}
    (home / "engines" / name).mkdir(parents=True)
    (home / "engines" / name / "manifest.json").write_text(json.dumps(manifest))


def test_an_engine_in_use_stays(staff, sent_tasks, tmp_path, project, fake, monkeypatch):
    region = make_region("here", backend="process")
    put_engine(tmp_path, "nats-2")
    put_engine(tmp_path, "jre-17")
    put_engine(tmp_path, "kafka-4.4")
    rows = {row.engine.name: row for row in engines.rows(make_staff())}
    assert (rows["nats-2"].state, rows["nats-2"].kept) == ("installed", False)
    assert (rows["jre-17"].state, rows["jre-17"].kept) == ("installed", True)  # Kafka needs it
    assert rows["postgresql-17"].kept  # Polder itself does
    monkeypatch.setitem(backends.BACKENDS, "process", lambda region: fake)
    make_instance(project, region, offering="nats")
    row = engines.row(make_staff(), "nats-2")
    assert (row.services, row.kept, row.offerings) == (1, True, ("NATS",))
    assert staff.post(url("-engine-remove", "nats-2")).status_code == 409
    engines.do_remove("nats-2")  # the worker looks again
    assert (tmp_path / "engines" / "nats-2").exists()
    Instance.objects.update(deleted_at=clock.now())
    assert staff.post(url("-engine-remove", "nats-2")).status_code == 303
    engines.do_remove("nats-2")
    assert not (tmp_path / "engines" / "nats-2").exists()


def test_the_page_follows_what_is_asked(staff, sent_tasks, tmp_path):
    make_region("here", backend="process")
    cache.set("engine-asked:nats-2", "engine.install", 60)
    page = staff.get(url("-engines")).content.decode()
    assert "Waiting for a worker" in page
    assert 'hx-trigger="every 2s"' in page
    (tmp_path / "engines").mkdir()
    (tmp_path / "engines" / "nats-2.failed").write_text(
        json.dumps({"code": "engine-download", "detail": ""})
    )
    page = staff.get(url("-engines")).content.decode()
    assert "could not be downloaded" in page
    assert 'hx-trigger="every 2s"' not in page


def test_no_worker_can_be_told(staff, monkeypatch, tmp_path, settings):
    settings.POLDER_HOME = tmp_path
    make_region("here", backend="process")

    def away(*_args: Any, **_options: Any) -> None:
        raise BrokerError

    monkeypatch.setattr("services.instances.tasks.install_engine.apply_async", away)
    assert staff.post(url("-engine-install", "nats-2")).status_code == 503
    assert not events_for("provider", verb="engine.").exists()
