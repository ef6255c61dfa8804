"""Organisations, people, tokens and quotas in a real browser: clicks, axe, without script."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from playwright.sync_api import Browser, Page, expect

from portal.kernel import clock
from portal.tenancy.models import Invitation, Membership
from portal.tenancy.permissions import Role
from tests.e2e.acting import Clicks
from tests.e2e.conftest import sign_in
from tests.makers import (
    PASSWORD,
    make_member,
    make_organisation,
    make_project,
    make_quota,
    make_region,
    make_token,
    make_user,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("prices")]
SMALL = {"width": 390, "height": 844}
GUEST = "zoe@guest.example"


@pytest.fixture
def project():
    organisation = make_organisation("dike", name="Dike Ltd")
    found = make_project(organisation, "shop")
    make_project(organisation, "vault")
    make_quota(found, make_region("local"), vcpu=8, instances=10)
    return found


@pytest.fixture
def owner(project):
    return make_member(project, Role.OWNER, user=make_user("ilse@dike.example", name="Ilse Maes"))


def link_of(message, live_url):
    """The link of a mail, at the server of the test."""
    return live_url + re.search(r"http://[^/]+(/invitations/\S+)", message.body).group(1)


def test_a_colleague_is_invited_to_one_project_and_sees_only_that(
    clean: Page, browser: Browser, live_url, owner, project, settings
):
    settings.POLDER_SIGNUP = "invite"
    page, clicks = clean, Clicks()
    sign_in(page, live_url, owner)
    page.goto(live_url + "/")
    clicks(page.get_by_role("main").get_by_role("link", name="Invite"))
    expect(page.get_by_label("E-mail address")).to_be_focused()
    page.keyboard.type(GUEST)
    expect(page.get_by_role("radio", name=re.compile("Only Shop"))).to_be_checked()
    clicks(page.get_by_role("radio", name=re.compile("Operator")))
    clicks(page.get_by_role("button", name="Send invitation"))
    expect(page.get_by_text(f"A mail is on its way to {GUEST}.")).to_be_visible()
    assert clicks.count == 3
    (message,) = mail.outbox

    other = browser.new_context()
    guest = other.new_page()
    guest.goto(link_of(message, live_url))
    expect(guest).to_have_url(live_url + "/invitations/accept/")
    expect(guest.get_by_role("heading", name="Join Shop")).to_be_visible()
    guest.get_by_role("link", name="Create an account to join").click()
    expect(guest.locator("input[name=email]")).to_have_value(GUEST)
    guest.fill("input[name=password1]", PASSWORD)
    guest.fill("input[name=password2]", PASSWORD)
    guest.get_by_role("main").get_by_role("button", name="Create account").click()
    guest.get_by_role("button", name="Join Shop").click()
    expect(guest.get_by_text("You are now in Shop.")).to_be_visible()
    guest.locator("button.switcher[popovertarget=projects]").click()
    names = guest.locator("#projects button[name=project]")
    expect(names).to_have_count(1)
    expect(names).to_contain_text("Shop")
    for hidden in ("/orgs/dike/projects/new/", "/projects/vault/archive/", "/members/"):
        assert guest.goto(live_url + hidden).status in (403, 404)
    other.close()
    assert Membership.objects.get(user__email=GUEST).project == project


def test_an_invitation_with_faults_loses_nothing_and_keeps_the_focus(clean: Page, live_url, owner):
    sign_in(clean, live_url, owner)
    clean.goto(f"{live_url}/members/invite/")
    clean.get_by_label("E-mail address").fill("zoe")
    clean.get_by_role("radio", name=re.compile("All of Dike")).check()
    clean.get_by_role("radio", name=re.compile("Admin")).check()
    clean.get_by_role("button", name="Send invitation").click()
    expect(clean.get_by_role("alert")).to_contain_text("1 thing to fix.")
    expect(clean.get_by_role("alert")).to_be_focused()
    expect(clean.get_by_label("E-mail address")).to_have_value("zoe")
    expect(clean.get_by_role("radio", name=re.compile("All of Dike"))).to_be_checked()
    expect(clean.get_by_role("radio", name=re.compile("Admin"))).to_be_checked()


def test_a_token_is_made_shown_once_and_used_in_the_list(clean: Page, live_url, owner):
    clean.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(clean, live_url, owner)
    clean.goto(f"{live_url}/tokens/")
    clean.get_by_role("link", name="New token").click()
    clean.get_by_label("Name").fill("deploy pipeline")
    expect(clean.get_by_label("Order services")).to_be_hidden()
    clean.get_by_role("radio", name=re.compile("Choose rights")).check()
    clean.get_by_label("Order services").check()
    expect(clean.get_by_label("Last day")).to_be_hidden()
    clean.get_by_label("Ends").select_option(label="On a day of your choice")
    clean.get_by_label("Last day").fill("2999-12-31")
    clean.get_by_role("button", name="Create token").click()
    clean.get_by_role("button", name="Copy Token").click()
    assert clean.evaluate("navigator.clipboard.readText()").startswith("polder_")
    clean.get_by_role("link", name="I have copied it").click()
    expect(clean.get_by_role("row", name=re.compile("deploy pipeline"))).to_contain_text(
        "Order services"
    )
    assert "polder_" not in clean.content()


def test_a_member_is_removed_with_the_tokens_shown_first(clean: Page, live_url, owner, project):
    leaver = make_member(project, Role.OPERATOR, user=make_user("leaver@dike.example"))
    make_token(leaver, organisation=project.organisation)
    sign_in(clean, live_url, owner)
    clean.goto(f"{live_url}/members/")
    clean.get_by_role("link", name=re.compile("leaver@dike.example")).click()
    clean.get_by_role("link", name="Remove…").click()
    expect(
        clean.get_by_text("1 token is revoked; programs that use it stop working:")
    ).to_be_visible()
    clean.get_by_role("button", name=re.compile("^Remove")).click()
    expect(clean.get_by_text("leaver@dike.example is no longer in Dike Ltd.")).to_be_visible()
    own = Membership.objects.get(user=owner).public_id
    clean.goto(f"{live_url}/members/{own}/")
    expect(clean.get_by_role("button", name="The last owner cannot leave")).to_be_disabled()


def test_the_essentials_without_script(browser: Browser, live_url, owner, project):
    context = browser.new_context(java_script_enabled=False, viewport=SMALL)
    page = context.new_page()
    sign_in(page, live_url, owner)
    page.goto(f"{live_url}/orgs/new/")
    page.get_by_role("button", name="Create organisation").click()
    expect(page.locator("#name-e")).to_contain_text("at most 120")
    page.get_by_label("Name").fill("Second Ltd")
    page.get_by_role("button", name="Create organisation").click()
    page.get_by_label("Name").fill("Web")
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.goto(f"{live_url}/settings/")
    page.get_by_label("Tags").fill("team: web")
    page.get_by_label("Time zone").select_option("Europe/Berlin")
    page.get_by_role("button", name="Save project").click()
    expect(page.get_by_label("Tags")).to_have_value("team: web")
    page.get_by_role("button", name="Menu").click()
    page.locator("button.switcher[popovertarget=projects]").click()
    page.get_by_role("button", name="Shop").click()
    page.goto(f"{live_url}/settings/quotas/")
    page.get_by_label("How much in all").fill("20")
    page.get_by_label("What for").fill("Season")
    page.get_by_role("button", name="Send request").click()
    expect(page.get_by_text("10 → 20")).to_be_visible()
    page.goto(f"{live_url}/members/invite/")
    page.get_by_label("E-mail address").fill(GUEST)
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_text(f"A mail is on its way to {GUEST}.")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Withdraw")).click()
    assert Invitation.objects.get().withdrawn_at is not None
    page.goto(f"{live_url}/tokens/new/")
    page.get_by_label("Name").fill("cron")
    page.get_by_role("button", name="Create token").click()
    expect(page.get_by_text("It is not kept and cannot be shown again.")).to_be_visible()
    context.close()


def test_a_suspended_organisation_says_so_on_every_page(clean: Page, live_url, owner, project):
    project.organisation.suspended_at = clock.now()
    project.organisation.save()
    sign_in(clean, live_url, owner)
    for path in ("/", "/members/", "/orgs/dike/", "/settings/"):
        clean.goto(live_url + path)
        expect(clean.get_by_text("Dike Ltd is suspended.")).to_have_count(1)
