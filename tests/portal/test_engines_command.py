"""`manage.py engines prune`: what no service runs on, and Polder itself does not, is removed."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from portal.kernel import clock
from services.backends.process import engines
from tests.makers import make_instance, make_project, make_region

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake", "prices")]


def test_prune_keeps_what_live_services_and_polder_run_on(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept: list[set[str]] = []
    monkeypatch.setattr(engines, "remove_unused", lambda names: kept.append(names) or ["old"])
    project, region = make_project(), make_region()
    gone = make_instance(project, region, offering="nats", name="gone")
    make_instance(project, region, offering="kafka", name="events")
    gone.deleted_at = clock.now()
    gone.save(update_fields=["deleted_at"])
    call_command("engines", "prune")
    assert {"postgresql-17", "valkey-9", "kafka-client-2"} < kept[0]
    assert any(name.startswith("kafka-4") for name in kept[0])
    assert not any(name.startswith("nats") for name in kept[0])
    assert "Removed: old." in capsys.readouterr().out
