"""Identity providers for tests: one speaks OpenID Connect over real HTTP, one signs SAML."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from onelogin.saml2.utils import OneLogin_Saml2_Utils as Saml


@dataclass
class Oidc:
    """What it says of whoever signs in there; `challenge` is what the client must prove, `nonce`
    what it sent. `claims` and `header` are added to the identity token, `told` to what it says of
    the person besides.
    """

    address: str = ""
    person: dict[str, Any] = field(default_factory=dict)
    audience: str = "polder"
    challenge: str = ""
    nonce: str = ""
    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=lambda: {"kid": "k1"})
    told: dict[str, Any] = field(default_factory=dict)
    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    algorithm: str = "ES256"
    keys: list[dict[str, Any]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def oidc_provider() -> Iterator[Oidc]:
    place = Oidc()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(place))
    place.address = place.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    shown = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(place.key.public_key()))
    place.keys = [{**shown, "kid": "k1", "use": "sig"}]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield place
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _handler(place: Oidc) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/.well-known/openid-configuration":
                self.answer(_configuration(place))
            elif self.path == "/jwks":
                self.answer({"keys": place.keys})
            else:
                self.answer({**place.person, **place.told})

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            sent = {k: v[0] for k, v in parse_qs(self.rfile.read(length).decode()).items()}
            place.asked.append(sent)
            proof = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
            shown = base64.urlsafe_b64encode(proof).rstrip(b"=").decode()
            if shown != place.challenge:
                self.answer({"error": "invalid_grant"}, 400)
                return
            self.answer({"access_token": "x", "token_type": "Bearer", "id_token": _token(place)})

        def answer(self, body: dict[str, Any], status: int = 200) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    return Handler


def _configuration(place: Oidc) -> dict[str, Any]:
    names = ("authorization", "token", "userinfo")
    ends = {f"{name}_endpoint": f"{place.address}/{name}" for name in names}
    return {"issuer": place.issuer, "jwks_uri": f"{place.address}/jwks", **ends}


def _token(place: Oidc) -> str:
    now = int(time.time())
    claims = {"iss": place.issuer, "aud": place.audience, "iat": now, "exp": now + 300}
    claims = {**claims, "nonce": place.nonce, **place.person, **place.claims}
    return jwt.encode(claims, place.key, algorithm=place.algorithm, headers=place.header)


class SamlProvider:
    """Signs answers with a key of its own."""

    entity_id = "https://idp.example/metadata"
    sso_url = "https://idp.example/sso"

    def __init__(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.key = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ).decode()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.example")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM).decode()

    def answer(self, request: str, to: str, audience: str, email: str, *, sign: bool = True) -> str:
        """What the browser carries back: the answer to the request of this id."""
        now = datetime.datetime.now(datetime.UTC)
        moment = f"{now:%Y-%m-%dT%H:%M:%SZ}"
        end = f"{now + datetime.timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}"
        assertion = _ASSERTION.format(
            moment=moment,
            end=end,
            issuer=self.entity_id,
            email=email,
            request=request,
            to=to,
            audience=audience,
        )
        if sign:
            assertion = Saml.add_sign(assertion, self.key, self.certificate).decode()
            assertion = assertion.removeprefix('<?xml version="1.0"?>').strip()
        whole = _RESPONSE.format(
            moment=moment, to=to, request=request, issuer=self.entity_id, assertion=assertion
        )
        return base64.b64encode(whole.encode()).decode()


_NAMES = (
    'xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
    'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"'
)
_ASSERTION = (
    f'<saml:Assertion {_NAMES} ID="_a1" Version="2.0" IssueInstant="{{moment}}">'
    "<saml:Issuer>{issuer}</saml:Issuer><saml:Subject>"
    '<saml:NameID Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">{email}'
    "</saml:NameID>"
    '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
    '<saml:SubjectConfirmationData NotOnOrAfter="{end}" Recipient="{to}"'
    ' InResponseTo="{request}"/></saml:SubjectConfirmation></saml:Subject>'
    '<saml:Conditions NotBefore="{moment}" NotOnOrAfter="{end}"><saml:AudienceRestriction>'
    "<saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>"
    '<saml:AuthnStatement AuthnInstant="{moment}" SessionIndex="_s1"><saml:AuthnContext>'
    "<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
    "</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
    '<saml:AttributeStatement><saml:Attribute Name="email"><saml:AttributeValue>{email}'
    "</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>"
)
_RESPONSE = (
    f'<samlp:Response {_NAMES} ID="_r1" Version="2.0" IssueInstant="{{moment}}"'
    ' Destination="{to}" InResponseTo="{request}"><saml:Issuer>{issuer}</saml:Issuer>'
    '<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/>'
    "</samlp:Status>{assertion}</samlp:Response>"
)
