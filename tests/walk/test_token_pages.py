"""The pages of API tokens and service accounts."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from portal.accounts.models import ApiToken, ServiceAccount
from portal.audit.models import AuditEvent
from portal.tenancy.models import Project
from portal.tenancy.permissions import Role
from tests.makers import make_member, make_project, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "cache", "prices")]
NEW = "console:token-new"


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def owner(client: Client, project: Project) -> Client:
    signed_in(client, make_member(project, Role.OWNER))
    return client


def make(client: Client, **typed: Any) -> Any:
    preset = "some" if "permissions" in typed else "all"
    sent = {"name": "pipeline", "bound": "project", "days": "30", "preset": preset, **typed}
    return client.post(reverse(NEW), sent)


def call(text: str, method: str = "get", path: str = "instances") -> int:
    api = Client(headers={"authorization": f"Bearer {text}"})
    return int(getattr(api, method)(f"/api/v1/{path}", content_type="application/json").status_code)


def test_a_token_is_shown_once_and_nowhere_else(
    owner: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = make(owner)
    text = answer.context["text"]
    assert text in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert text not in owner.get(reverse("console:tokens")).content.decode()
    assert text not in caplog.text
    assert text not in str(dict(owner.session))
    assert text not in str(list(AuditEvent.objects.values()))
    assert text not in str(list(ApiToken.objects.values()))
    assert call(text) == 200


def test_its_rights_and_its_place_bound_it(owner: Client, project: Project) -> None:
    text = make(owner, permissions=["instance.view", "project.view"]).context["text"]
    token = ApiToken.objects.get()
    assert token.project == project
    assert token.permissions == ["instance.view", "project.view"]
    assert call(text) == 200
    assert call(text, "post", f"projects/{project.slug}/instances") in (403, 422)
    assert call(text, "get", f"members?organisation={project.organisation.slug}") == 403


def test_what_was_typed_comes_back_with_what_is_wrong(owner: Client) -> None:
    answer = make(owner, name="", days="7", permissions=["instance.view"])
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "2 things to fix" in page
    assert "Choose one of the periods" in page
    assert "Give it a name" in page
    assert 'value="instance.view" checked' in page
    assert "Tick at least one right" in make(owner, preset="some").content.decode()
    assert "as in 2027-01-31" in make(owner, days="day", until="soon").content.decode()
    assert "give a day" in make(owner, days="day", until="").content.decode()
    assert "still to come" in make(owner, days="day", until="2001-01-01").content.decode()
    assert ApiToken.objects.count() == 0


def test_a_preset_stands_for_its_rights(owner: Client) -> None:
    make(owner, preset="read")
    read = set(ApiToken.objects.get().permissions)
    assert {"instance.view", "project.view", "audit.view"} <= read
    assert [name for name in read if not name.endswith(".view")] == []
    make(owner, preset="deploy")
    deploy = set(ApiToken.objects.latest("id").permissions)
    assert deploy - read == {
        "instance.create",
        "instance.update",
        "instance.delete",
        "operation.manage",
    }
    make(owner, preset="all")
    assert ApiToken.objects.latest("id").permissions == []


def test_it_ends_on_the_day_that_was_chosen(owner: Client) -> None:
    make(owner, days="day", until="2999-12-31")
    assert f"{ApiToken.objects.get().expires_at:%F %T}" == "2999-12-31 23:59:59"


def test_the_form_makes_it_for_the_project_that_it_shows(owner: Client, project: Project) -> None:
    other = make_project(project.organisation)
    owner.post(reverse("console:scope"), {"project": other.slug})
    make(owner, project=project.slug)
    assert ApiToken.objects.get().project == project


def test_a_revoked_token_ends_at_once(owner: Client) -> None:
    text = make(owner).context["text"]
    token = ApiToken.objects.get()
    assert owner.post(reverse("console:token-revoke", args=[token.public_id])).status_code == 303
    assert call(text) == 401
    assert token.public_id not in owner.get(reverse("console:tokens")).content.decode()


def test_a_service_account_has_tokens_and_ends_with_them(owner: Client, project: Project) -> None:
    typed = {"name": "terraform", "role": "operator", "bound": "project"}
    answer = owner.post(reverse("console:service-account-new"), typed)
    account = ServiceAccount.objects.get()
    form = owner.get(answer["Location"]).content.decode()
    assert f'value="{account.public_id}" selected' in form
    assert "Make its first token here." in form
    assert (account.project, account.role) == (project, "operator")
    text = make(owner, holder=account.public_id).context["text"]
    assert call(text) == 200
    assert "terraform" in owner.get(reverse("console:tokens")).content.decode()
    owner.post(reverse("console:service-account-disable", args=[account.public_id]))
    assert call(text) == 401


def test_a_viewer_hands_on_only_what_they_hold(client: Client, project: Project) -> None:
    signed_in(client, make_member(project, Role.VIEWER))
    page = client.get(reverse(NEW)).content.decode()
    assert 'value="instance.view"' in page
    assert 'value="instance.create"' not in page
    assert "New service account" not in client.get(reverse("console:tokens")).content.decode()
    assert client.get(reverse("console:service-account-new")).status_code == 403
    text = make(client).context["text"]
    assert call(text, "post", f"projects/{project.slug}/instances") == 403


def test_an_old_sign_in_is_confirmed_first(client: Client, project: Project) -> None:
    client.force_login(make_member(project, Role.OWNER))
    assert "/reauthenticate/" in make(client).url
    assert ApiToken.objects.count() == 0
