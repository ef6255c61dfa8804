"""Your account in a real browser: a passkey is added and signs in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from portal.accounts.models import User
from tests.e2e.conftest import sign_in


@pytest.fixture
def ada(transactional_db: None) -> User:
    return User.objects.create_user("ada@test.example", "a-long-enough-password")


@pytest.fixture
def named(live_url: str) -> str:
    """Browsers give passkeys to names only."""
    return live_url.replace("127.0.0.1", "localhost")


@pytest.fixture
def keys(clean: Page) -> Iterator[None]:
    """A virtual authenticator that knows its owner."""
    devtools = clean.context.new_cdp_session(clean)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield
    devtools.detach()


def test_a_passkey_is_added_and_signs_in(clean: Page, named: str, ada: User, keys: None) -> None:
    sign_in(clean, named, ada)
    clean.goto(f"{named}/accounts/2fa/webauthn/add/")
    clean.get_by_label("Name").fill("My laptop")
    clean.get_by_role("checkbox").check()
    clean.get_by_role("button", name="Add", exact=True).click()
    expect(clean.get_by_text("The passkey is added.")).to_be_visible()
    assert ada.authenticator_set.filter(type="webauthn").count() == 1  # type: ignore[attr-defined]
    clean.context.clear_cookies()
    clean.goto(f"{named}/accounts/login/")
    clean.get_by_role("button", name="Sign in with a passkey").click()
    expect(clean).to_have_url(f"{named}/")
    clean.goto(f"{named}/account/")
    expect(clean.get_by_role("heading", name="Your account")).to_be_visible()


def test_a_bare_address_offers_no_passkey(clean: Page, live_url: str, ada: User) -> None:
    bare = live_url.replace("localhost", "127.0.0.1")
    clean.goto(f"{bare}/accounts/login/")
    expect(clean.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    expect(clean.get_by_role("button", name="Sign in with a passkey")).to_have_count(0)
