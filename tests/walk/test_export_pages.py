"""The page of files of costs: for an organisation, and for the provider."""

import pytest

from billing.focus import uploading
from billing.focus.uploading import Outcome
from billing.models import CostExport, CostUpload
from portal.kernel import clock
from portal.notifications import targets
from portal.tenancy.permissions import Role
from tests.makers import make_member, make_project, make_user, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
FORM = {
    "endpoint": "https://s3.example.org",
    "region": "us-east-1",
    "bucket": "costs",
    "prefix": "",
    "access_key": "POLDER0001",
    "secret": "a-secret-nobody-sees",
    "version": "1.4",
    "format": "parquet",
}


@pytest.fixture(autouse=True)
def names(monkeypatch):
    monkeypatch.setattr(targets, "_resolve", lambda host, port: ["8.8.8.8"])


@pytest.fixture
def owner(client):
    return signed_in(client, make_member(make_project(), Role.OWNER))


@pytest.fixture
def staff(client):
    return signed_in(client, make_user(is_staff=True))


@pytest.mark.parametrize(
    ("who", "root"), [("owner", "/costs/exports/"), ("staff", "/staff/exports/")]
)
def test_a_bucket_is_set_tried_shown_and_ended(request, monkeypatch, who, root):
    client = request.getfixturevalue(who)
    assert "Send a file each day" in client.get(root).content.decode()
    assert client.post(f"{root}bucket/", FORM).status_code == 303
    export = CostExport.objects.get()
    CostUpload.objects.create(
        export=export, day=clock.now().date(), state="failed", error="status",
        detail="403 AccessDenied", key="acme/focus-1.4/x.parquet", attempts=5,
    )  # fmt: skip
    page = client.get(root).content.decode()
    assert "403 AccessDenied" in page
    assert "The store refused it." in page
    assert FORM["secret"] not in page
    assert export.secret not in page
    monkeypatch.setattr(uploading, "try_out", lambda export: Outcome("status", "404 NoSuchBucket"))
    tried = client.post(f"{root}try/", follow=True).content.decode()
    assert "404 NoSuchBucket" in tried
    client.post(f"{root}remove/")
    assert CostExport.objects.count() == 0


def test_what_is_wrong_comes_back_with_what_was_typed(owner):
    answer = owner.post(
        "/costs/exports/bucket/", FORM | {"bucket": "No!", "secret": "typed-secret"}
    )
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "3 to 63 lower-case letters" in text
    assert 'value="https://s3.example.org"' in text
    assert "typed-secret" not in text


def test_a_file_is_downloaded(owner):
    answer = owner.get("/costs/exports/file/?version=1.4&dataset=billing-period&format=csv")
    assert b"".join(answer.streaming_content).startswith(b"BillingPeriodCreated,")
    assert "attachment" in answer["Content-Disposition"]
    assert owner.get("/costs/exports/file/?version=9").status_code == 422
