"""The bucket that files of costs go to: who may set it, what a day sends, and when again."""

import hashlib
from datetime import UTC, date, datetime, timedelta

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from django.core import mail

from billing.focus import exports, uploading, writing
from billing.focus.columns import Dataset
from billing.focus.signing import signed_headers
from billing.focus.uploading import Outcome
from billing.models import CostExport, CostLine, CostUpload, RatedMonth
from portal.accounts.models import User
from portal.audit.models import AuditEvent
from portal.kernel import clock, crypto
from portal.kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from portal.notifications import sending, targets
from portal.notifications.fanout import fan_out
from portal.notifications.mailing import send_due
from portal.notifications.models import Mailing, Notification
from portal.notifications.queries import words_of
from portal.notifications.sending import Answer
from portal.outbox.models import OutboxEntry
from portal.tenancy.permissions import Role
from tests.billing.focus.conftest import NOVEMBER, OCTOBER
from tests.billing.focus.whole import as_bytes
from tests.makers import actor_for, make_member, make_project, make_staff

GIVEN = {
    "endpoint": "https://s3.example.org/",
    "region": "eu-1",
    "bucket": "costs",
    "prefix": "/cloud/",
    "access_key": "POLDER0001",
    "secret": "a very long secret",
    "version": "1.2",
    "format": "csv",
}
pytestmark = [pytest.mark.django_db, pytest.mark.focus]


@pytest.fixture(autouse=True)
def names(monkeypatch):
    monkeypatch.setattr(targets, "_resolve", lambda host, port: ["203.0.113.7"])
    monkeypatch.setattr(targets, "_allowed", lambda address: True)


@pytest.fixture
def store(monkeypatch):
    """What was sent, and what is answered: 200 unless a test says otherwise."""

    class Store:
        def __init__(self):
            self.sent, self.answers = [], []

        def send(self, method, url, address, body, headers, seconds):
            self.sent.append((method, url.path, body.read(), headers))
            return self.answers.pop(0) if self.answers else Answer(200, "")

    store = Store()
    monkeypatch.setattr(sending, "send", store.send)
    return store


def saved(world, **changes):
    owner = actor_for(make_member(world.instance.project, Role.BILLING))
    return exports.save_export(actor=owner, organisation=world.organisation, values=GIVEN | changes)


def at(monkeypatch, day, hour=3):
    moment = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: moment)


# -- setting it ------------------------------------------------------------------------------------


def test_the_secret_is_kept_encrypted_and_told_nowhere(world):
    made = saved(world)
    assert (made.endpoint, made.prefix) == ("https://s3.example.org", "cloud")
    assert GIVEN["secret"] not in made.secret
    assert crypto.decrypt(made.secret) == GIVEN["secret"]
    event = AuditEvent.objects.get(verb="cost_export.save")
    assert GIVEN["secret"] not in str((event.before, event.after))
    again = saved(world, secret="", bucket="other")
    assert (again.pk, again.bucket) == (made.pk, "other")
    assert crypto.decrypt(again.secret) == GIVEN["secret"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"endpoint": "http://s3.example.org"}, "endpoint"),
        ({"endpoint": "https://user:pw@s3.example.org"}, "endpoint"),
        ({"endpoint": "https://s3.example.org/?a=b"}, "endpoint"),
        ({"bucket": "No"}, "bucket"),
        ({"prefix": "a//b"}, "prefix"),
        ({"prefix": "a b"}, "prefix"),
        ({"access_key": ""}, "access_key"),
        ({"secret": ""}, "secret"),
        ({"version": "1.3"}, "version"),
        ({"format": "xml"}, "format"),
        ({"region": "Eu 1"}, "region"),
    ],
)
def test_what_cannot_be_is_told_by_field(world, changes, field):
    with pytest.raises(Invalid) as told:
        saved(world, **changes)
    assert list(told.value.fields) == [field]
    assert CostExport.objects.count() == 0


def test_a_private_network_is_refused(world, monkeypatch):
    monkeypatch.undo()
    with pytest.raises(Invalid) as told:
        saved(world, endpoint="https://127.0.0.1")
    assert "private network" in told.value.fields["endpoint"]


def test_who_only_reads_costs_may_look_and_no_more(world):
    saved(world)
    reader = actor_for(make_member(world.instance.project, Role.VIEWER))
    assert exports.export_for(reader, world.organisation).bucket == "costs"
    for act in (
        lambda: exports.save_export(actor=reader, organisation=world.organisation, values=GIVEN),
        lambda: exports.remove_export(actor=reader, organisation=world.organisation),
        lambda: exports.try_export(actor=reader, organisation=world.organisation),
    ):
        with pytest.raises(NotPermitted):
            act()
    stranger = actor_for(make_member(make_project(), Role.OWNER))
    with pytest.raises(NotFound):
        exports.export_for(stranger, world.organisation)
    with pytest.raises(NotPermitted):
        exports.export_for(stranger, None)


def test_a_try_says_what_the_store_says(world, store):
    saved(world)
    owner = actor_for(make_member(world.instance.project, Role.OWNER))
    assert exports.try_export(actor=owner, organisation=world.organisation) == Outcome()
    method, path, body, headers = store.sent[0]
    assert (method, path, body) == (
        "PUT",
        "/costs/cloud/polder-test.txt",
        b"Polder can write here.\n",
    )
    assert headers["content-length"] == str(len(body))
    store.answers.append(Answer(403, "<Error><Code>AccessDenied</Code></Error>"))
    told = exports.try_export(actor=owner, organisation=world.organisation)
    assert told == Outcome("status", "403 AccessDenied")


def test_what_is_removed_is_gone(world):
    saved(world)
    owner = actor_for(make_member(world.instance.project, Role.OWNER))
    exports.remove_export(actor=owner, organisation=world.organisation)
    assert CostExport.objects.count() == 0
    with pytest.raises(Conflict):
        exports.remove_export(actor=owner, organisation=world.organisation)


# -- a day's object --------------------------------------------------------------------------------


def test_one_object_a_day_with_all_days_before_it(world, store, monkeypatch):
    export = saved(world)
    at(monkeypatch, date(2026, 11, 25))
    assert [uploading.upload_due() for _ in range(3)] == [1, 0, 0]
    (_method, path, body, headers) = store.sent[0]
    slug = world.organisation.slug
    assert path == f"/costs/cloud/{slug}/focus-1.2/2026-11-25.csv"
    scope = uploading.scope_of(export, date(2026, 11, 25))
    assert body == as_bytes(Dataset.COST_AND_USAGE, "1.2", scope, writing.CSV)
    row = CostUpload.objects.get()
    assert (row.state, row.attempts, row.size) == ("sent", 1, len(body))
    assert row.digest == hashlib.sha256(body).hexdigest() == headers["x-amz-content-sha256"]
    at(monkeypatch, date(2026, 11, 26))
    uploading.upload_due()
    assert store.sent[1][1].endswith("2026-11-26.csv")


def test_nothing_is_sent_before_the_day_is_rated(world, store, monkeypatch):
    saved(world)
    at(monkeypatch, date(2026, 11, 25), hour=1)
    assert (uploading.upload_due(), store.sent) == (0, [])


def test_the_month_before_is_in_it_until_its_invoice_was_sent(world, store, monkeypatch):
    export = saved(world)
    day = date(2026, 11, 25)
    assert uploading.scope_of(export, day).first == OCTOBER
    at(monkeypatch, day)
    uploading.upload_due()
    following = day + timedelta(days=1)
    assert uploading.scope_of(export, following).first == NOVEMBER
    RatedMonth.objects.filter(month=OCTOBER).update(closed_at=clock.now() + timedelta(hours=5))
    assert uploading.scope_of(export, following).first == OCTOBER
    assert uploading.scope_of(export, date(2026, 12, 1)).end == date(2026, 12, 1)


def test_a_store_that_is_away_is_tried_again_with_the_same_key(world, store, monkeypatch):
    saved(world)
    store.answers += [Answer(503, ""), Answer(500, "<Code>InternalError</Code>")]
    keys, waits = set(), []
    moment = datetime(2026, 11, 25, 3, tzinfo=UTC)
    while not (rows := CostUpload.objects.filter(state="sent")).exists():
        monkeypatch.setattr(clock, "now", lambda moment=moment: moment)
        assert uploading.upload_due() == 1
        assert uploading.upload_due() == 0
        row = CostUpload.objects.get()
        keys.add(row.key)
        following = row.next_attempt_at or moment
        waits.append(following - moment)
        moment = following
    assert waits == [timedelta(minutes=15), timedelta(hours=1), timedelta(0)]
    assert (len(keys), rows.get().attempts, rows.get().error) == (1, 3, "")


def test_after_five_attempts_the_day_is_given_up(world, store, monkeypatch):
    export = saved(world)
    store.answers += [Answer(403, "<Code>AccessDenied</Code>")] * 5
    row = CostUpload.objects.create(export=export, day=date(2026, 11, 25))
    for _ in range(5):
        row.attempts += 1
        uploading.attempt(export, row)
    assert (row.state, row.next_attempt_at) == ("failed", None)
    assert (row.error, row.detail) == ("status", "403 AccessDenied")


def test_a_file_that_is_not_right_does_not_leave_the_house(world, store):
    export = saved(world)
    CostLine.objects.filter(category="usage", tier=1, is_correction=False).update(list_cost=100)
    row = CostUpload.objects.create(export=export, day=date(2026, 11, 25), attempts=1)
    told = uploading.attempt(export, row)
    assert (told.error, "ListCost is not" in told.detail) == ("check", True)
    assert store.sent == []


def test_the_provider_sends_the_costs_of_all(world, store, monkeypatch):
    exports.save_export(actor=make_staff(), organisation=None, values=GIVEN | {"format": "parquet"})
    at(monkeypatch, date(2026, 11, 25))
    uploading.upload_due()
    assert store.sent[0][1] == "/costs/cloud/provider/focus-1.2/2026-11-25.parquet"
    assert CostUpload.objects.get().rows > 10


# -- who hears of it -------------------------------------------------------------------------------


def days(monkeypatch, *hours):
    """Attempts at these hours after the 25th, 03:00."""
    for hour in hours:
        moment = datetime(2026, 11, 25, 3, tzinfo=UTC) + timedelta(hours=hour)
        monkeypatch.setattr(clock, "now", lambda moment=moment: moment)
        uploading.upload_due()


def told():
    rows = OutboxEntry.objects.filter(kind__endswith="_export.failing")
    rows |= OutboxEntry.objects.filter(kind__endswith="_export.works")
    return list(rows.order_by("pk"))


def test_who_manages_the_money_hears_of_it_once_and_once_when_it_works(world, store, monkeypatch):
    payer = saved(world)
    viewer = make_member(world.instance.project, Role.VIEWER)
    store.answers += [Answer(403, "<Code>AccessDenied</Code>")] * 7
    days(monkeypatch, 0)
    assert told() == []  # it mostly mends itself
    days(monkeypatch, 1, 3, 8, 17, 24, 25)
    (failing,) = told()
    assert failing.kind == "cost_export.failing"
    words = words_of(failing)
    assert words.title == "Files of costs do not reach the bucket costs"
    assert words.body.startswith("The store refused it. 403 AccessDenied It is tried again")
    assert words.path == "/costs/exports/"
    days(monkeypatch, 27, 48)
    assert [entry.kind for entry in told()] == ["cost_export.failing", "cost_export.works"]
    assert CostExport.objects.get(pk=payer.pk).failing_since is None
    for entry in told():
        fan_out(entry.pk)
    heard = set(Mailing.objects.values_list("user", flat=True))
    assert heard == set(Notification.objects.values_list("user", flat=True))
    assert heard
    assert viewer.pk not in heard


def test_the_next_time_is_told_again(world, store, monkeypatch):
    saved(world)
    refused = Answer(500, "")
    store.answers += [refused, refused, Answer(200, ""), refused, refused]
    days(monkeypatch, 0, 1, 3, 24, 25)
    kinds = [entry.kind.partition(".")[2] for entry in told()]
    assert kinds == ["failing", "works", "failing"]


def test_staff_hears_of_the_provider_s_own(world, store, monkeypatch):
    exports.save_export(actor=make_staff(), organisation=None, values=GIVEN)
    make_member(world.instance.project, Role.OWNER)
    store.answers += [Answer(500, "")] * 2
    days(monkeypatch, 0, 1)
    (entry,) = told()
    assert (entry.kind, entry.organisation) == ("provider_export.failing", None)
    fan_out(entry.pk)
    staff = set(User.objects.filter(is_staff=True).values_list("pk", flat=True))
    assert set(Mailing.objects.values_list("user", flat=True)) == staff
    assert words_of(entry).path == "/staff/exports/"
    send_due()
    (sent,) = mail.outbox
    assert "Provider" in sent.body


# -- signatures ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "path"), [("s3.example.org", "/b/k.csv"), ("10.0.0.1:9000", "/b/a-b_c/2026-11-26.csv")]
)
def test_a_signature_is_what_another_implementation_makes(monkeypatch, host, path):
    body = hashlib.sha256(b"body").hexdigest()
    moment = datetime(2026, 11, 26, 7, 5, 9, tzinfo=UTC)
    ours = signed_headers(
        "PUT", host, path, body, access_key="AKID", secret="s3cret", region="eu-1", at=moment
    )
    request = AWSRequest("PUT", f"https://{host}{path}", data=b"body")
    request.headers["X-Amz-Content-SHA256"] = body
    request.headers["host"] = host
    signer = S3SigV4Auth(Credentials("AKID", "s3cret"), "s3", "eu-1")
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: moment.replace(tzinfo=None))
    signer.add_auth(request)
    assert ours["authorization"] == request.headers["Authorization"]
