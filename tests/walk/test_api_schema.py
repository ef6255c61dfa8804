"""The OpenAPI document against the running API: no 5xx, and no answer outside the document."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, checks

from portal.api.codes import CODES
from portal.api.schema import document
from portal.conf.wsgi import application
from tests.makers import (
    make_delivery,
    make_instance,
    make_member,
    make_project,
    make_quota,
    make_region,
    make_user,
    make_webhook,
    order,
)
from tests.portal.api import Api

pytestmark = pytest.mark.django_db
TREE = {
    "PortalError",
    "NotFound",
    "NotPermitted",
    "Invalid",
    "InvalidQuery",
    "Conflict",
    "StaleState",
    "OperationOpen",
    "PreconditionFailed",
    "Gone",
    "QuotaExceeded",
    "Unavailable",
    "_NotAuthenticated",
}
ROOT = Path(__file__).parents[2]
SCHEMA = schemathesis.openapi.from_wsgi("/api/v1/schema/", application)
DOCUMENT = document()
OPERATIONS = [(path, method.upper()) for path, item in DOCUMENT["paths"].items() for method in item]
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.unsupported_method,
    checks.allow_header_conformance,
]


@pytest.fixture
def names(prices, fake, settings):
    """A token, and real names for the addresses: made-up ones would only ever find a 404."""
    settings.POLDER_API_REQUESTS_PER_MINUTE = 10**6
    project, region = make_project(slug="shop"), make_region()
    make_quota(project, region, instances=1000, vcpu=9000)
    instance, opening = make_instance(project, region), order(project, region)
    api = Api(make_member(project))
    body = {"email": make_user().email, "role": "viewer"}
    member = api.post("members", body).json()["id"]
    account = api.post("service-accounts", {"name": "ci", "role": "viewer"}).json()["id"]
    invitation = api.post("invitations", {"email": "g@test.example", "role": "viewer"}).json()
    wish = {"project": "shop", "region": region.code, "name": "vcpu", "limit": 9500, "reason": "x"}
    asked = api.post("quota-requests", wish).json()["id"]
    webhook = make_webhook(project)
    delivery = make_delivery(webhook)
    token = api.post("tokens", {"name": "spare"}).json()["id"]
    return api.token, {
        "instances": [instance.public_id, opening.instance.public_id],
        "operations": [opening.public_id, instance.operations.get().public_id],
        "projects": ["shop"],
        "organisations": [project.organisation.slug],
        "offerings": ["postgresql", "redis"],
        "members": [member],
        "invitations": [invitation["id"]],
        "quota-requests": [asked],
        "tokens": [token],
        "service-accounts": [account],
        "webhooks": [webhook.public_id],
        "deliveries": [delivery.public_id],
    }


@pytest.fixture
def one_connection(names):
    """The real application gives its connection back after each request; here it holds the test's
    transaction. (Comes after `names`: Django's test client connects the signals again.)
    """
    ends = (request_started, request_finished)
    for signal in ends:
        signal.disconnect(close_old_connections)
    yield
    for signal in ends:
        signal.connect(close_old_connections)


def first_noun(path):
    return path.removeprefix("/api/v1/").partition("/")[0]


@pytest.mark.usefixtures("one_connection")
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_answers_are_in_the_document(path, method, mode, names):
    token, known = names
    real = known.get(first_noun(path), [])

    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=SCHEMA[path][method].as_strategy(generation_mode=mode), data=st.data())
    def ask(case, data):
        if real and data.draw(st.integers(0, 3)):
            for name in case.path_parameters or {}:
                pool = known["deliveries"] if name == "delivery" else real
                case.path_parameters[name] = data.draw(st.sampled_from(pool))
        sent = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
        response = case.call(headers=sent)
        case.validate_response(response, checks=CHECKS)

    ask()


def test_the_document_is_served_to_everybody(client):
    answer = client.get("/api/v1/schema/")
    assert answer.json() == json.loads(json.dumps(DOCUMENT))
    assert answer.json()["openapi"].startswith("3.1")
    yaml = client.get("/api/v1/schema/?format=yaml")
    assert yaml.content.startswith(b"openapi: 3.1")


def test_every_operation_says_what_every_operation_has():
    for path, method in OPERATIONS:
        operation = DOCUMENT["paths"][path][method.lower()]
        answers = operation["responses"]
        assert {"400", "401", "429", "500", "503"} <= set(answers), (path, method)
        for status, answer in answers.items():
            if status == "202":
                assert answer["headers"]["Location"]["required"]
                assert answer["headers"]["Retry-After"]["required"]
            assert "$ref" in answer or "RateLimit-Limit" in answer["headers"]
    order_of = DOCUMENT["paths"]["/api/v1/projects/{slug}/instances"]["post"]
    assert "Idempotency-Key" in {p["name"] for p in order_of["parameters"]}
    change = DOCUMENT["paths"]["/api/v1/instances/{id}"]["patch"]
    assert {"If-Match", "dry_run"} <= {p["name"] for p in change["parameters"]}


def test_operation_ids_are_unique():
    ids = [o["operationId"] for item in DOCUMENT["paths"].values() for o in item.values()]
    assert len(set(ids)) == len(ids)


def test_every_code_is_known():
    """Codes that the product raises are in the catalogue of codes, and in the page about them."""
    raised = set()
    for package in ("portal", "services", "billing"):
        for path in (ROOT / package).rglob("*.py"):
            raised |= codes_raised(path.read_text())
    assert raised >= {"protected", "last-owner", "bad-cursor"}
    assert raised <= set(CODES)
    page = (ROOT / "docs" / "errors.md").read_text()
    written = dict(re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", page, re.M))
    assert written == {code: str(status) for code, (status, _text) in CODES.items()}


def codes_raised(source):
    """Values of `code=` in calls of the error tree, and of `code = "…"` in its classes."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in TREE:
            found |= {
                k.value.value
                for k in node.keywords
                if k.arg == "code" and isinstance(k.value, ast.Constant) and k.value.value
            }
        if isinstance(node, ast.ClassDef) and {ast.unparse(b) for b in node.bases} & TREE:
            for line in node.body:
                if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]).startswith(
                    ("code", "(code")
                ):
                    found.add(ast.literal_eval(ast.unparse(line.value).split(",")[0].strip("(")))
    return found
