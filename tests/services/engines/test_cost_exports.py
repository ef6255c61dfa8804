"""Files of costs in a real store: what is read back with a real client is what the API gives."""

from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from billing import cycle
from billing.focus import exports, uploading
from billing.models import CostUpload
from portal.kernel import clock
from portal.tenancy.permissions import Role
from services.instances.models import InstanceEvent
from tests.makers import actor_for, make_instance, make_member, make_project, make_region
from tests.portal.api import Api
from tests.services.engines.test_object_storage import client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]


@pytest.fixture
def member(monkeypatch):
    """Whose organisation has run a service since the first of October; it is the third."""
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 10, 2, 23, tzinfo=UTC))
    instance = make_instance(make_project(), make_region(), plan="single-2x8")
    InstanceEvent.objects.all().delete()
    at = datetime(2026, 10, 1, tzinfo=UTC)
    instance.created_at = at
    instance.save()
    InstanceEvent.objects.create(instance=instance, code="created", at=at, plan=instance.plan)
    cycle.meter_and_rate()
    return make_member(instance.project, Role.OWNER)


def given(handle, **changes):
    c = handle.credentials
    return {
        "endpoint": str(c.uri),
        "region": "us-east-1",
        "bucket": "data",
        "prefix": "finance",
        "access_key": c.username,
        "secret": str(c.password),
        "version": "1.2",
        "format": "csv",
    } | changes


def _sign_with_the_real_clock(monkeypatch):
    """A store does not take a signature of another day."""
    signed = uploading.signed_headers
    monkeypatch.setattr(
        uploading,
        "signed_headers",
        lambda *args, **more: signed(*args, **{**more, "at": datetime.now(UTC)}),
    )


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_what_lies_in_the_bucket_is_what_the_api_gives(
    run_offering, member, settings, monkeypatch, form
):
    handle = run_offering("object-storage")
    settings.POLDER_WEBHOOK_CA = handle.ca
    settings.POLDER_WEBHOOK_ALLOW = [ip_network("127.0.0.0/8")]
    actor = actor_for(member)
    organisation = member.memberships.get().organisation
    export = exports.save_export(
        actor=actor, organisation=organisation, values=given(handle, format=form)
    )
    _sign_with_the_real_clock(monkeypatch)
    assert exports.try_export(actor=actor, organisation=organisation).error == ""
    wanted = b"".join(Api(member).get(f"focus?month=2026-10&format={form}").streaming_content)
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 10, 3, 3, tzinfo=UTC))
    assert [uploading.upload_due() for _ in range(2)] == [1, 0]
    row = CostUpload.objects.get()
    assert (row.state, row.detail) == ("sent", "")
    s3 = client(handle)
    names = [o["Key"] for o in s3.list_objects_v2(Bucket="data", Prefix="finance/")["Contents"]]
    assert sorted(names) == [row.key, "finance/polder-test.txt"]
    assert s3.get_object(Bucket="data", Key=row.key)["Body"].read() == wanted
    again = exports.save_export(
        actor=actor, organisation=organisation, values=given(handle, format=form, bucket="nobody")
    )
    assert (again.pk, uploading.try_out(again).detail) == (export.pk, "404 NoSuchBucket")
    wrong = exports.save_export(
        actor=actor, organisation=organisation, values=given(handle, secret="wrong")
    )
    assert uploading.try_out(wrong).detail == "403 SignatureDoesNotMatch"
