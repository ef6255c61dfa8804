"""The pages of organisations, projects, members, invitations, settings and quotas."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from portal.kernel import clock
from portal.tenancy.models import Invitation, Membership, Organisation, Project
from portal.tenancy.permissions import GRANTS, Role
from services.regions import requests
from services.regions.models import QuotaRequest
from tests.makers import (
    make_instance,
    make_member,
    make_organisation,
    make_project,
    make_quota,
    make_region,
    make_second_factor,
    make_token,
    make_user,
    signed_in,
)
from tests.services.test_quota_requests import STAFF

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "plain_static")]


@pytest.fixture
def project():
    return make_project(make_organisation("acme", name="Acme"), slug="shop")


@pytest.fixture
def person(project):
    return make_member(project, Role.OWNER)


@pytest.fixture
def owner(client, person):
    return signed_in(client, person)


def at(name, *args):
    return reverse(f"console:{name}", args=args)


def read(client, name, *args):
    answer = client.get(at(name, *args))
    assert answer.status_code == 200
    return answer.content.decode()


# -- organisations and projects --------------------------------------------------------------------


def test_an_organisation_and_its_first_project(client):
    signed_in(client, make_user())
    answer = client.post(at("organisation-new"), {"name": " ", "country": "nl"})
    assert answer.status_code == 422
    assert b"2 things to fix" in answer.content
    answer = client.post(at("organisation-new"), {"name": "Acme Ltd", "country": "NL"})
    assert answer["Location"] == at("project-new", "acme-ltd")
    assert "Acme Ltd has no project yet" in read(client, "overview")
    assert client.post(answer["Location"], {"name": ""}).status_code == 422
    answer = client.post(answer["Location"], {"name": "Shop"})
    assert answer["Location"] == "/"
    assert "Nothing runs in Shop yet" in read(client, "overview")
    page = read(client, "organisation", "acme-ltd")
    assert "Netherlands" in page
    assert "You are here" in page


def test_whoever_cannot_make_a_project_is_told_whom_to_ask(client, project):
    viewer = make_member(project, Role.VIEWER)
    Project.objects.update(archived_at=clock.now())
    signed_in(client, viewer)
    assert "Ask an owner or admin" in read(client, "overview")


def test_details_are_changed_with_what_was_typed_kept(owner, project):
    sent = {"name": "", "country": "FR"}
    answer = owner.post(at("organisation-edit", "acme"), sent)
    assert answer.status_code == 422
    assert b'value="FR" selected' in answer.content
    assert owner.post(at("organisation-edit", "acme"), sent | {"name": "ACME"}).status_code == 303
    assert Organisation.objects.get().name == "ACME"


def test_the_list_says_role_and_state(owner, person, project):
    other = make_project(make_organisation("other", name="Other"))
    make_member(other, Role.VIEWER, user=person, only_project=True)
    Organisation.objects.filter(slug="acme").update(suspended_at=clock.now())
    page = read(owner, "organisations")
    assert "Suspended" in page
    assert f"Viewer in {other.name}" in page
    assert "Acme is suspended." in read(owner, "organisation", "acme")
    assert "Acme is suspended." in read(owner, "members")


def test_a_project_is_archived_when_nothing_lives_in_it(owner, project, fake):
    instance = make_instance(project, make_region(), name="orders-db")
    address = at("project-archive", "shop")
    assert "orders-db" in read(owner, "project-archive", "shop")
    answer = owner.post(address, {"name": "Shop"})
    assert answer.status_code == 422
    assert "orders-db" in answer.content.decode()
    type(instance).objects.update(deleted_at=clock.now())
    assert owner.post(address, {"name": "shop"}).status_code == 422
    assert owner.post(address, {"name": "Shop"}).status_code == 303
    assert owner.get(address).status_code == 404
    assert owner.post(at("organisation-archive", "acme"), {"name": "x"}).status_code == 422
    assert owner.post(at("organisation-archive", "acme"), {"name": "Acme"}).status_code == 303
    assert "in no organisation yet" in read(owner, "organisations")


def test_archiving_and_members_want_a_recent_sign_in(client, person, project):
    signed_in(client, person, minutes_ago=600)
    member = make_member(project, Role.VIEWER).memberships.get()
    for name, args in (
        ("project-archive", ["shop"]),
        ("organisation-archive", ["acme"]),
        ("member", [member.public_id]),
        ("member-remove", [member.public_id]),
    ):
        answer = client.post(at(name, *args), {"name": "Shop", "role": "owner"})
        assert "/reauthenticate/" in answer["Location"], name
    assert Membership.objects.get(pk=member.pk).role == "viewer"


def test_a_second_factor_is_required_and_who_lacks_one_is_counted(owner, person, project):
    make_member(project, Role.VIEWER)
    assert "2 of 2 people have none." in read(owner, "organisation", "acme")
    sent = {"required": "yes"}
    owner.post(at("organisation-mfa", "acme"), sent)
    assert "you would be shut out" in read(owner, "organisation", "acme")
    make_second_factor(person)
    owner.post(at("organisation-mfa", "acme"), sent)
    page = read(owner, "organisation", "acme")
    assert "1 of 2 people has none." in page
    assert "No longer require it" in page
    assert ">On</span>" in read(owner, "members")
    owner.post(at("organisation-mfa", "acme"), {"required": "no"})
    assert not Organisation.objects.get().requires_mfa


def test_a_closed_organisation_is_in_the_list_all_the_same(client, project):
    signed_in(client, make_member(project, Role.VIEWER))
    Organisation.objects.update(requires_mfa=True)
    assert "Acme requires a second factor." in read(client, "organisations")


# -- settings and quotas ---------------------------------------------------------------------------


def test_settings_come_back_with_every_fault(owner, project):
    sent = {"name": "", "time_zone": "Europe/Berlin", "tags": "team: shop\nno tag"}
    answer = owner.post(at("project-edit", "shop"), sent)
    assert answer.status_code == 422
    assert "“no tag” is no tag" in answer.content.decode()
    assert "team: shop\nno tag</textarea>" in answer.content.decode()
    sent |= {"name": "Shop two", "tags": "team: shop\ncost: a:b"}
    assert owner.post(at("project-edit", "shop"), sent).status_code == 303
    stored = Project.objects.get()
    assert (stored.name, stored.time_zone) == ("Shop two", "Europe/Berlin")
    assert stored.tags == {"team": "shop", "cost": "a:b"}
    assert "cost: a:b\nteam: shop</textarea>" in read(owner, "settings")


def test_a_viewer_sees_settings_and_changes_none(client, project):
    signed_in(client, make_member(project, Role.VIEWER))
    page = read(client, "settings")
    assert "Owners and admins change these." in page
    assert "Save project" not in page
    assert "Send request" not in read(client, "quotas")


def test_more_quota_is_asked_for_and_answered(owner, project):
    region = make_region()
    make_quota(project, region, vcpu=8, instances=4)
    assert "0 of 8" in read(owner, "quotas")
    address, sent = at("quota-ask", "shop"), {"quota": "local/vcpu", "limit": "8", "reason": "x"}
    assert "above 8" in owner.post(address, sent).content.decode()
    for wrong in ({"limit": "many"}, {"quota": ""}, {"quota": "nowhere/vcpu"}):
        assert owner.post(address, sent | wrong).status_code in (404, 422)
    assert owner.post(address, sent | {"limit": "12"}).status_code == 303
    page = read(owner, "quotas")
    assert "8 → 12" in page
    assert 'value="local/vcpu"' not in page
    requests.refuse_quota_request(
        actor=STAFF, request=QuotaRequest.objects.get(), answer="Full until May."
    )
    page = read(owner, "quotas")
    assert "Full until May." in page
    assert 'value="local/vcpu"' in page


def test_a_request_is_withdrawn(owner, project):
    make_quota(project, make_region(), vcpu=8)
    sent = {"quota": "local/vcpu", "limit": "12", "reason": "x"}
    owner.post(at("quota-ask", "shop"), sent)
    owner.post(at("quota-withdraw", QuotaRequest.objects.get().public_id))
    assert "Withdrawn" in read(owner, "quotas")


def test_a_form_changes_the_project_that_it_names(owner, person, project):
    """Another window has switched to another project meanwhile."""
    other = make_project(project.organisation, "other")
    owner.post(at("scope"), {"project": "other"})
    sent = {"name": "Renamed", "time_zone": "UTC", "tags": ""}
    owner.post(at("project-edit", "shop"), sent)
    assert Project.objects.get(slug="shop").name == "Renamed"
    other.refresh_from_db()
    assert other.name == "Other"


# -- members ---------------------------------------------------------------------------------------


def test_the_list_of_members(owner, project):
    make_member(
        project,
        Role.OPERATOR,
        only_project=True,
        user=make_user("zoe@test.example", name="Zoe Q"),
        expires_at=clock.now() + timedelta(days=400),
    )
    page = read(owner, "members")
    assert "Zoe Q" in page
    assert "Whole organisation" in page
    assert "until" in page
    found = owner.get(at("members"), {"q": "zoe"}).content.decode()
    assert "Zoe Q" in found
    assert "Owner" not in found.partition('id="results"')[2]
    assert "Nobody matches" in owner.get(at("members"), {"q": "nobody\0"}).content.decode()


def test_role_and_end_are_changed(owner, project):
    member = make_member(project, Role.VIEWER).memberships.get()
    address = at("member", member.public_id)
    assert owner.post(address, {"role": "king", "until": ""}).status_code == 422
    answer = owner.post(address, {"role": "operator", "until": "yesterday"})
    assert "as in 2027-01-31" in answer.content.decode()
    assert owner.post(address, {"role": "operator", "until": "2999-12-31"}).status_code == 303
    member.refresh_from_db()
    assert (member.role, f"{member.expires_at:%F %T}") == ("operator", "2999-12-31 23:59:59")
    assert 'value="2999-12-31"' in read(owner, "member", member.public_id)
    owner.post(address, {"role": "operator", "until": ""})
    member.refresh_from_db()
    assert member.expires_at is None


def test_tokens_are_listed_before_a_member_is_removed(owner, project):
    user = make_member(project, Role.OPERATOR)
    make_token(user, organisation=project.organisation)
    page = read(owner, "member-remove", user.memberships.get().public_id)
    assert "1 token is revoked" in page
    assert user.tokens.get().name in page
    owner.post(at("member-remove", user.memberships.get().public_id))
    assert not user.memberships.exists()
    assert user.tokens.get().revoked_at is not None


def test_the_last_owner_s_button_says_so(owner, person, project):
    own = person.memberships.get().public_id
    assert "The last owner cannot leave" in read(owner, "member", own)
    assert "is the last owner of Acme" in read(owner, "member-remove", own)
    assert owner.post(at("member-remove", own)).status_code == 409
    make_member(project, Role.OWNER)
    assert "Leave…" in read(owner, "member", own)
    assert owner.post(at("member-remove", own)).status_code == 303
    assert not person.memberships.exists()


def test_a_viewer_leaves(client, project, person):
    viewer = make_member(project, Role.VIEWER)
    signed_in(client, viewer)
    own = viewer.memberships.get().public_id
    assert own in read(client, "organisation", "acme")
    assert "Owners and admins change roles." in read(client, "member", own)
    assert client.post(at("member-remove", own)).status_code == 303
    assert not viewer.memberships.exists()


def test_the_matrix_is_made_of_the_grants(owner):
    page = read(owner, "roles")
    held = sum(len(granted) for granted in GRANTS.values())
    assert page.count('aria-label="yes"') + page.count("<title>yes</title>") == held


# -- invitations -----------------------------------------------------------------------------------


def invited(client, **fields):
    sent = {"project": "shop", "email": "zoe@test.example", "where": "project", "role": "operator"}
    return client.post(at("invite"), sent | fields)


def test_an_invitation_is_sent_and_listed(owner, project, mailoutbox):
    assert "Only Shop" in read(owner, "invite")
    answer = invited(owner, email="zoe", until="soon")
    assert answer.status_code == 422
    assert b'value="zoe"' in answer.content
    assert invited(owner).status_code == 303
    assert "zoe@test.example" in read(owner, "members")
    assert (Invitation.objects.get().project, Invitation.objects.get().role) == (
        project,
        "operator",
    )
    answer = invited(owner)
    assert "has an invitation already" in answer.content.decode()
    assert invited(owner, where="organisation", until="2999-01-01").status_code == 303
    assert Invitation.objects.latest("id").project is None


def test_it_is_resent_and_withdrawn(owner, project):
    invited(owner)
    found = Invitation.objects.get()
    owner.post(at("invitation-resend", found.public_id))
    assert "less than a minute ago" in read(owner, "members")
    Invitation.objects.update(tried_at=clock.now() - timedelta(minutes=2))
    owner.post(at("invitation-resend", found.public_id))
    assert Invitation.objects.get().tries == 2
    owner.post(at("invitation-withdraw", found.public_id))
    assert "is withdrawn" in read(owner, "members")
    assert Invitation.objects.get().withdrawn_at is not None


def test_a_project_s_admin_can_offer_the_project_only(client, project, person):
    signed_in(client, make_member(project, Role.ADMIN, only_project=True))
    page = read(client, "invite")
    assert "Only Shop" in page
    assert "All of Acme" not in page
    assert "It holds more rights than you do." in page
    assert invited(client, where="organisation").status_code == 403
    assert invited(client).status_code == 303
    assert "zoe@test.example" in read(client, "members")


def test_pages_ask_few_questions(owner, project, subtests, django_assert_max_num_queries):
    make_quota(project, make_region(), vcpu=8, instances=4)
    for number in range(12):
        make_member(project, Role.VIEWER)
        make_project(project.organisation)
        invited(owner, email=f"g{number}@test.example")
    for name in ("members", "organisations", "settings", "quotas"):
        address = at(name)
        owner.get(address)
        with subtests.test(name), django_assert_max_num_queries(14):
            assert owner.get(address).status_code == 200
