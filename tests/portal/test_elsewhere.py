"""Sign-in by an account elsewhere: OpenID Connect and SAML, by settings alone."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.models import EmailAddress
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from portal.accounts.models import User
from portal.conf import providers
from tests.makers import make_user
from tests.portal.elsewhere import Oidc, SamlProvider, oidc_provider

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
IRIS = {"sub": "iris-1", "email": "iris@corp.example", "email_verified": True, "name": "Iris"}


@pytest.fixture
def corp(settings: Any) -> Iterator[Oidc]:
    with oidc_provider() as place:
        place.person = dict(IRIS)
        use(settings, place, signup=True, trusts_email=True)
        yield place


def use(settings: Any, place: Oidc, **more: Any) -> None:
    one = {"id": "corp", "name": "Corp", "server_url": place.address, "client_id": "polder"}
    settings.SOCIALACCOUNT_PROVIDERS = providers.oidc("TEST", json.dumps([{**one, **more}]))


def leave(client: Client, place: Oidc, address: str = "/accounts/oidc/corp/login/") -> str:
    """To the provider; what has to come back."""
    answer = client.get(address)
    asked = {k: v[0] for k, v in parse_qs(urlsplit(answer["Location"]).query).items()}
    assert answer["Location"].startswith(f"{place.address}/authorization?")
    assert (asked["client_id"], asked["code_challenge_method"]) == ("polder", "S256")
    place.challenge = asked["code_challenge"]
    return asked["state"]


def come_back(client: Client, state: str) -> Any:
    return client.get("/accounts/oidc/corp/login/callback/", {"code": "c0de", "state": state})


def signed_in_as(client: Client) -> str | None:
    key = client.session.get("_auth_user_id")
    return User.objects.get(pk=key).email if key else None


def test_the_sign_in_page_offers_it(corp: Oidc, client: Client) -> None:
    assert "Corp" in client.get("/accounts/login/").content.decode()


def test_a_newcomer_gets_an_account_and_comes_again(corp: Oidc, client: Client) -> None:
    answer = come_back(client, leave(client, corp))
    assert answer.status_code == 302
    assert signed_in_as(client) == "iris@corp.example"
    person = User.objects.get()
    assert (person.name, person.has_usable_password()) == ("Iris", False)
    assert EmailAddress.objects.get(user=person).verified
    again = Client()
    come_back(again, leave(again, corp))
    assert signed_in_as(again) == "iris@corp.example"
    assert User.objects.count() == 1


def test_an_answer_nobody_asked_for_signs_nobody_in(corp: Oidc, client: Client) -> None:
    leave(client, corp)
    assert come_back(client, "made-up").status_code >= 400
    stranger = Client()
    assert come_back(stranger, leave(Client(), corp)).status_code >= 400
    assert (signed_in_as(client), signed_in_as(stranger)) == (None, None)


def test_a_token_for_another_client_is_refused(corp: Oidc, client: Client) -> None:
    corp.audience = "somebody-else"
    assert come_back(client, leave(client, corp)).status_code >= 400
    assert signed_in_as(client) is None


def test_a_code_is_worth_nothing_without_its_proof(corp: Oidc, client: Client) -> None:
    state = leave(client, corp)
    corp.challenge = "of another session"
    assert come_back(client, state).status_code >= 400
    assert signed_in_as(client) is None


def test_an_address_that_is_not_trusted_opens_no_account_here(
    corp: Oidc, client: Client, settings: Any
) -> None:
    make_user("iris@corp.example")
    use(settings, corp, signup=True)
    come_back(client, leave(client, corp))
    assert signed_in_as(client) is None


def test_a_trusted_one_opens_it(corp: Oidc, client: Client) -> None:
    person = make_user("iris@corp.example")
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    come_back(client, leave(client, corp))
    assert signed_in_as(client) == "iris@corp.example"
    assert User.objects.count() == 1


def test_where_sign_up_is_closed_a_provider_s_people_may_not_either(
    corp: Oidc, client: Client, settings: Any
) -> None:
    settings.POLDER_SIGNUP = "closed"
    use(settings, corp, trusts_email=True)
    come_back(client, leave(client, corp))
    assert signed_in_as(client) is None
    assert not User.objects.exists()


# -- SAML ------------------------------------------------------------------------------------------


@pytest.fixture
def browser_(settings: Any) -> Client:
    settings.ALLOWED_HOSTS = ["polder.example"]
    return Client(headers={"Host": "polder.example"})  # python3-saml wants a name with a dot


@pytest.fixture
def idp(settings: Any) -> SamlProvider:
    place = SamlProvider()
    one = {
        "id": "town",
        "name": "Town hall",
        "entity_id": place.entity_id,
        "sso_url": place.sso_url,
        "x509cert": place.certificate,
        "attributes": {"email": "email", "uid": "email"},
        "signup": True,
        "trusts_email": True,
    }
    settings.SOCIALACCOUNT_PROVIDERS = providers.saml("TEST", json.dumps([one]))
    return place


def ask(client: Client, place: SamlProvider) -> tuple[str, str]:
    """(id of the request, relay state) of a sign-in that begins here."""
    answer = client.get("/accounts/saml/town/login/")
    assert answer["Location"].startswith(place.sso_url)
    sent = parse_qs(urlsplit(answer["Location"]).query)
    request = zlib.decompress(base64.b64decode(sent["SAMLRequest"][0]), -15).decode()
    found = re.search(r' ID="([^"]+)"', request)
    assert found is not None
    return found[1], sent.get("RelayState", [""])[0]


def deliver(client: Client, answer: str, relay: str) -> Any:
    sent = {"SAMLResponse": answer, "RelayState": relay}
    return client.post("/accounts/saml/town/acs/", sent, follow=True)


ACS = "http://polder.example/accounts/saml/town/acs/"
AUDIENCE = "http://polder.example/accounts/saml/town/metadata/"


def test_saml_signs_in(idp: SamlProvider, browser_: Client) -> None:
    request, relay = ask(browser_, idp)
    deliver(browser_, idp.answer(request, ACS, AUDIENCE, "iris@town.example"), relay)
    assert signed_in_as(browser_) == "iris@town.example"


def test_saml_without_a_signature_signs_nobody_in(idp: SamlProvider, browser_: Client) -> None:
    request, relay = ask(browser_, idp)
    deliver(browser_, idp.answer(request, ACS, AUDIENCE, "iris@town.example", sign=False), relay)
    assert signed_in_as(browser_) is None


def test_saml_of_a_strange_key_signs_nobody_in(idp: SamlProvider, browser_: Client) -> None:
    request, relay = ask(browser_, idp)
    answer = SamlProvider().answer(request, ACS, AUDIENCE, "iris@town.example")
    deliver(browser_, answer, relay)
    assert signed_in_as(browser_) is None


def test_saml_that_nobody_asked_for_signs_nobody_in(idp: SamlProvider, browser_: Client) -> None:
    deliver(browser_, idp.answer("_made_up", ACS, AUDIENCE, "iris@town.example"), "")
    assert signed_in_as(browser_) is None


def test_a_saml_answer_is_good_once(idp: SamlProvider, browser_: Client) -> None:
    request, relay = ask(browser_, idp)
    answer = idp.answer(request, ACS, AUDIENCE, "iris@town.example")
    deliver(browser_, answer, relay)
    browser_.post("/accounts/logout/")
    deliver(browser_, answer, relay)
    assert signed_in_as(browser_) is None
    thief = Client(headers={"Host": "polder.example"})
    deliver(thief, answer, relay)
    assert signed_in_as(thief) is None


# -- settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read as JSON"),
        ("{}", "must be a list"),
        ('[{"id": "corp"}]', "lacks name, server_url, client_id"),
        (
            '[{"id": "Corp!", "name": "C", "server_url": "https://x", "client_id": "p"}]',
            "must be lower-case",
        ),
        (
            '[{"id": "corp", "name": "C", "server_url": "http://x", "client_id": "p"}]',
            "must begin with https",
        ),
    ],
)
def test_wrong_settings_are_named(text: str, said: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=said):
        providers.oidc("POLDER_OIDC_PROVIDERS", text)
