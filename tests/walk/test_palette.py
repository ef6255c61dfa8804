"""The palette: what it finds, for whom."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.urls import reverse

from portal.console import events
from portal.tenancy.permissions import Role
from tests.makers import make_member, make_project
from tests.portal.test_ui import strict
from tests.walk.test_service_list import owner, project, save, three

__all__ = ["owner", "project", "three"]  # fixtures
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "plain_static", "fake")]


def palette(client: Any, query: str = "", **headers: str) -> list[str]:
    answer = client.get(reverse("console:go"), {"q": query}, headers=headers)
    assert answer.status_code == 200
    html = answer.content.decode()
    found = re.findall(r'<div>(?:<a href="[^"]+">|<form.*?<button[^>]*>)([^<]+)</', html, re.S)
    return [unescape(text) for text in found]


def test_the_palette_holds_services_places_acts_orders_and_switches(owner: Any, three: Any) -> None:
    save(owner)
    items = palette(owner, **{"HX-Request": "true"})
    for item in (
        "orders",
        "Services",
        "Production",
        "Pause orders",
        "Resume queue",
        "Delete cache",
        "Order PostgreSQL",
        "Dark theme",
    ):
        assert item in items, item
    assert "Pause queue" not in items
    strict(owner.get(reverse("console:go")).content.decode())
    assert palette(owner, "pause ord") == ["Pause orders"]
    assert palette(owner, "nothing like it") == []


def test_every_icon_of_the_palette_and_of_events_is_in_the_sprite(
    owner: Any, project: Any, three: Any
) -> None:
    make_project(project.organisation)
    html = owner.get(reverse("console:go")).content.decode()
    names = set(re.findall(r'data-icon="([^"]+)"', html)) | set(events._ICONS.values())
    sprite = Path(settings.BASE, "static/sprite.svg").read_text()
    assert {name for name in names if f'id="{name}"' not in sprite} == set()


def test_a_viewer_finds_no_acts_and_a_billing_person_no_services(
    client: Any, project: Any, three: Any
) -> None:
    client.force_login(make_member(project, Role.VIEWER))
    items = palette(client)
    assert "orders" in items
    assert not [item for item in items if item.startswith(("Pause", "Delete", "Order Post"))]
    client.force_login(make_member(project, Role.BILLING))
    assert "orders" not in palette(client)


def test_another_project_is_a_switch_away(owner: Any, project: Any, three: Any) -> None:
    make_project(project.organisation, "till")
    items = palette(owner, "work in")
    assert items == ["Work in Till"]


def test_keys_are_explained_and_can_be_switched_off(client: Any) -> None:
    address = reverse("console:keyboard")
    html = client.get(address).content.decode()
    strict(html)
    assert "data-keys" not in html
    assert client.post(address, {"keys": "off"}).cookies["polder_keys"].value == "off"
    assert 'data-keys="off"' in client.get(address).content.decode()
    client.post(address, {"keys": "on"})
    assert "data-keys" not in client.get(address).content.decode()
