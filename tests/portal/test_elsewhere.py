"""Sign-in by an account elsewhere: OpenID Connect and SAML, by settings alone."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.models import EmailAddress
from cryptography.hazmat.primitives.asymmetric import ec
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
    place.challenge, place.nonce = asked["code_challenge"], asked["nonce"]
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


FORGED = {
    "signed by another key": {"key": ec.generate_private_key(ec.SECP256R1())},
    "signed by a shared secret": {"key": "k" * 32, "algorithm": "HS256"},
    "not signed": {"key": None, "algorithm": "none"},
    "by a key nobody knows": {"header": {"kid": "k2"}},
    "of another sign-in": {"claims": {"nonce": "of another sign-in"}},
    "of no sign-in": {"claims": {"nonce": None}},
    "of another provider": {"claims": {"iss": "https://evil.example"}},
    "too old": {"claims": {"exp": 1_700_000_000}},
    "about another person": {"told": {"sub": "somebody-else"}},
}


@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED)
def test_an_identity_token_that_is_not_good_signs_nobody_in(
    corp: Oidc, client: Client, change: dict[str, Any]
) -> None:
    state = leave(client, corp)
    vars(corp).update(change)
    assert come_back(client, state).status_code in (200, 401)
    assert signed_in_as(client) is None
    assert not User.objects.exists()


def test_a_key_of_a_shared_secret_is_none(corp: Oidc, client: Client) -> None:
    """Though the provider itself shows it: whoever reads it could sign."""
    corp.keys = [{"kty": "oct", "k": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s", "kid": "k1"}]
    corp.key, corp.algorithm = "k" * 32, "HS256"
    come_back(client, leave(client, corp))
    assert signed_in_as(client) is None


def test_a_token_that_names_no_key_is_held_to_the_only_one(corp: Oidc, client: Client) -> None:
    corp.header = {}
    come_back(client, leave(client, corp))
    assert signed_in_as(client) == "iris@corp.example"


def test_metadata_of_another_issuer_are_refused(corp: Oidc, client: Client) -> None:
    corp.issuer = "https://evil.example"
    answer = client.get("/accounts/oidc/corp/login/")
    assert answer.status_code < 500
    assert "Location" not in answer.headers


def test_a_provider_that_is_away_is_told(corp: Oidc, client: Client, settings: Any) -> None:
    corp.address = "http://127.0.0.1:9"
    use(settings, corp)
    answer = client.get("/accounts/oidc/corp/login/")
    assert answer.status_code < 500
    assert "Location" not in answer.headers


def test_the_address_adds_nothing_to_what_is_asked(corp: Oidc, client: Client) -> None:
    more = {"scope": "everything", "auth_params": "prompt=none&nonce=known"}
    there = client.get("/accounts/oidc/corp/login/", more)["Location"]
    asked = parse_qs(urlsplit(there).query)
    assert set(asked["scope"][0].split()) == {"openid", "profile", "email"}
    assert "prompt" not in asked
    assert asked["nonce"] != ["known"]


def test_another_site_cannot_send_somebody_through_the_sign_in(corp: Oidc, client: Client) -> None:
    address = "/accounts/oidc/corp/login/"
    for there in ("cross-site", "same-site"):
        answer = client.get(address, headers={"Sec-Fetch-Site": there})
        assert answer["Location"] == "/accounts/login/"
    for here in ("same-origin", "none"):
        answer = client.get(address, headers={"Sec-Fetch-Site": here})
        assert answer["Location"].startswith(corp.address)


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
    answer = idp.answer(request, ACS, AUDIENCE, "iris@town.example")
    sent = {"SAMLResponse": answer, "RelayState": relay}
    cookies = browser_.post("/accounts/saml/town/acs/", sent).cookies
    assert [(name, one["httponly"], one["path"]) for name, one in cookies.items()] == [
        ("polder_saml", True, "/")
    ]
    browser_.get("/accounts/saml/town/acs/finish/")
    assert signed_in_as(browser_) == "iris@town.example"
    assert browser_.cookies["polder_saml"].value == ""


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


def test_another_site_cannot_send_somebody_to_the_saml_provider(
    idp: SamlProvider, browser_: Client
) -> None:
    answer = browser_.get("/accounts/saml/town/login/", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer["Location"] == "/accounts/login/"


@pytest.mark.parametrize(
    "kind", ['<!DOCTYPE r SYSTEM "{file}">', '<!DOCTYPE r [<!ENTITY e SYSTEM "{file}">]>']
)
def test_saml_reads_no_document_type_and_no_file(
    idp: SamlProvider, browser_: Client, tmp_path: Path, kind: str
) -> None:
    hidden = tmp_path / "hidden"
    hidden.write_text("what nobody may read")
    request, relay = ask(browser_, idp)
    answer = base64.b64decode(idp.answer(request, ACS, AUDIENCE, "iris@town.example")).decode()
    evil = kind.format(file=hidden.as_uri()) + answer.replace("<saml:Issuer>", "<saml:Issuer>&e;")
    page = deliver(browser_, base64.b64encode(evil.encode()).decode(), relay)
    assert signed_in_as(browser_) is None
    assert page.status_code < 500
    assert "what nobody may read" not in page.content.decode()


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
