"""Kubernetes regions on the provider's pages: added, set, looked at, and no secret comes back."""

from __future__ import annotations

import base64
import json
import re

import pytest
from django.urls import reverse

from portal.audit.models import AuditEvent
from portal.kernel.errors import Temporary
from services import backends
from services.regions import clusters
from services.regions.models import ProberKey, Region
from services.spec import Health
from tests.makers import PASSWORD, make_region, make_user, signed_in
from tests.portal.api import Api

pytestmark = [
    pytest.mark.walk,
    pytest.mark.django_db,
    pytest.mark.usefixtures("prices", "plain_static"),
]
TOKEN, KEY = "s3cr3t-token", "s3cr3t-key"
PEM = base64.b64encode(b"-----BEGIN CERTIFICATE-----\n").decode()
KUBECONFIG = json.dumps(
    {
        "clusters": [
            {
                "name": "a",
                "cluster": {"server": "https://a:6443", "certificate-authority-data": PEM},
            }
        ],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
        "contexts": [{"name": "one", "context": {"cluster": "a", "user": "u"}}],
        "current-context": "one",
    }
)
NEW = {"code": "eu1", "name": "EU 1", "country": "NL", "kubeconfig": KUBECONFIG, "drift": "show"}
STORE = {
    "backup_endpoint": "https://s3.test",
    "backup_bucket": "backups",
    "backup_access_key": "AKIA1",
    "backup_secret_key": KEY,
}


@pytest.fixture
def staff(client):
    return signed_in(client, make_user("staff@test.example", is_staff=True))


class Cluster:
    """What the backend says of itself."""

    health = Health(True, facts={"version": "v1.36.3", "storage_class": "fast", "served": ""})
    away = False

    def check(self):
        if self.away:
            raise Temporary("region-unreachable", detail="ConnectTimeoutError")
        return self.health


@pytest.fixture(autouse=True)
def cluster(monkeypatch):
    made = Cluster()
    monkeypatch.setitem(backends.BACKENDS, "kubernetes", lambda region: made)
    return made


def url(name, *args):
    return reverse(f"console:staff-region{name}", args=args)


def text(answer):
    return answer.content.decode()


def test_a_cluster_becomes_a_region_that_is_looked_at_at_once(staff):
    answer = staff.post(url("-add"), NEW | STORE | {"issuer": "own", "zones": "a, b"}, follow=True)
    page = text(answer)
    assert "EU 1 is a region now." in page
    assert "Answers" in page
    for said in ("https://a:6443", "v1.36.3", "fast", "own", "a, b", "https://s3.test backups"):
        assert said in page
    assert "s3cr3t" not in page
    region = Region.objects.get()
    assert clusters.kubeconfig_of(region)["users"][0]["user"]["token"] == TOKEN
    assert AuditEvent.objects.get(verb="region.create").actor_name == "staff@test.example"


def test_a_fault_keeps_what_was_typed_but_no_secret(staff):
    answer = staff.post(
        url("-add"), NEW | STORE | {"code": "EU 1", "domain": "eu.test", "zones": "ü"}
    )
    page = text(answer)
    assert answer.status_code == 422
    assert "Use 1 to 32 lower-case letters" in page
    assert "as the nodes&#x27; labels have them" in page
    assert 'value="eu.test"' in page
    assert 'value="https://s3.test"' in page
    assert "s3cr3t" not in page
    assert not Region.objects.exists()


def test_a_kubeconfig_that_would_run_programs_is_refused_with_a_sentence(staff):
    user = {"exec": {"command": "aws", "args": [TOKEN]}}
    raw = json.loads(KUBECONFIG) | {"users": [{"name": "u", "user": user}]}
    page = text(staff.post(url("-add"), NEW | {"kubeconfig": json.dumps(raw)}))
    assert "signs in with “exec”" in page
    assert TOKEN not in page


def test_the_cluster_that_polder_runs_in_needs_no_kubeconfig(staff):
    staff.post(url("-add"), NEW | {"kubeconfig": "", "in_cluster": "1"})
    assert clusters.kubeconfig_of(Region.objects.get()) == {}
    assert "in the same cluster" in text(staff.get(url("", "eu1")))


@pytest.fixture
def region(staff):
    staff.post(url("-add"), NEW | STORE)
    return Region.objects.get()


def test_settings_are_changed_and_the_keys_stay(staff, region):
    page = text(staff.get(url("-settings", "eu1")))
    assert 'value="https://s3.test"' in page
    assert "s3cr3t" not in page
    assert "AKIA1" not in page
    sent = STORE | {"backup_access_key": "", "backup_secret_key": "", "drift": "correct"}
    answer = staff.post(url("-settings", "eu1"), sent | {"external": "on"}, follow=True)
    assert "The settings of EU 1 are saved." in text(answer)
    assert "Set them right" in text(answer)
    region.refresh_from_db()
    assert clusters.settings_of(region).external is True
    assert clusters.backup_keys_of(region)["AWS_SECRET_ACCESS_KEY"] == KEY


def test_a_wrong_setting_is_named_beside_its_field(staff, region):
    answer = staff.post(url("-settings", "eu1"), {"drift": "show", "resync_minutes": "0"})
    page = text(answer)
    assert answer.status_code == 422
    assert 'id="resync_minutes-e"' in page
    assert "Write a number of minutes from 5 to 1440." in page
    assert clusters.settings_of(Region.objects.get()).backup_store is not None


def test_the_kubeconfig_is_replaced_and_tried(staff, region, cluster):
    cluster.away = True
    raw = KUBECONFIG.replace("https://a", "https://b")
    page = text(staff.post(url("-kubeconfig", "eu1"), {"kubeconfig": raw}, follow=True))
    assert "The API server does not answer." in page
    assert "It said: region-unreachable: ConnectTimeoutError." in page
    assert "https://b:6443" in page
    answer = staff.post(url("-kubeconfig", "eu1"), {"kubeconfig": TOKEN, "context": "two"})
    assert answer.status_code == 422
    assert "This is no kubeconfig." in text(answer)
    assert TOKEN not in text(answer)


def test_a_look_says_what_can_be_ordered_and_what_the_cluster_lacks(staff, region, cluster):
    missing = {"kinds": "Pooler (postgresql.cnpg.io/v1)"}
    cluster.health = Health(
        True,
        unavailable={
            "postgresql": ("operator-missing", missing),
            "redis": ("setting-missing", {"settings": "backup_store"}),
        },
        facts={"version": "v1.36.4", "served": "postgresql.cnpg.io/v1/Cluster"},
    )
    page = text(staff.post(url("-check", "eu1"), follow=True))
    assert "v1.36.4" in page
    assert "The cluster does not know: Pooler (postgresql.cnpg.io/v1)." in page
    assert "It needs what is not set: Backup store." in page
    assert "Partly served" in page
    assert re.search(r"Missing: [^<]*Pooler", page)
    assert "volumes stay without" in page
    assert "v1.36.4" in text(staff.get(url("s")))
    for tenants_page in (reverse("console:catalogue"), reverse("console:status")):
        assert "cnpg" not in text(staff.get(tenants_page))


def test_a_region_without_a_cluster_has_no_such_settings(staff):
    make_region("here", backend="process")
    assert staff.get(url("-settings", "here")).status_code == 404
    assert staff.post(url("-kubeconfig", "here"), {"kubeconfig": KUBECONFIG}).status_code == 404


def test_no_kubeconfig_waits_in_the_session_for_a_recent_sign_in(client):
    person = make_user("staff@test.example", is_staff=True)
    signed_in(client, person, minutes_ago=600)
    answer = client.post(url("-add"), NEW | STORE)
    assert "s3cr3t" not in json.dumps(dict(client.session))
    confirmed = client.post(answer["Location"], {"password": PASSWORD}, follow=True)
    assert "s3cr3t" not in text(confirmed)
    assert not Region.objects.exists()


# -- the key of its prober -------------------------------------------------------------------------


def test_a_prober_s_key_is_made_shown_once_used_and_revoked(staff):
    make_region("eu1", backend="kubernetes")
    page, make = "/staff/regions/eu1/", reverse("console:staff-prober-key", args=["eu1"])
    made = staff.post(make)
    text = re.search(r"polder_prober_[-_A-Za-z0-9]{32}", made.content.decode())[0]
    shown = staff.get(page).content.decode()
    assert text not in shown
    assert "Never" in shown
    api = Api(token=text)
    assert api.get("regions/eu1/targets").json() == {"in_cluster": True, "results": []}
    assert "just now" in staff.get(page).content.decode()
    key = ProberKey.objects.get()
    assert text not in key.digest
    staff.post(reverse("console:staff-prober-key-revoke", args=[key.public_id]))
    assert api.get("regions/eu1/targets").status_code == 401
    events = AuditEvent.objects.filter(target=key.public_id).order_by("id")
    assert [row.verb for row in events] == ["prober_key.create", "prober_key.revoke"]


def test_two_keys_hold_at_a_time(staff):
    make_region("eu1", backend="kubernetes")
    make = reverse("console:staff-prober-key", args=["eu1"])
    assert [staff.post(make).status_code for _ in range(3)] == [200, 200, 422]
    assert "There are two keys already" in staff.post(make).content.decode()
    assert ProberKey.objects.count() == 2


def test_making_a_prober_s_key_needs_a_recent_sign_in(client):
    make_region("eu1", backend="kubernetes")
    old = signed_in(client, make_user(is_staff=True), minutes_ago=600)
    make = reverse("console:staff-prober-key", args=["eu1"])
    assert old.post(make).status_code == 303
    assert not ProberKey.objects.exists()


def test_a_region_says_how_its_metrics_api_is(staff, region, cluster):
    sent = STORE | {"drift": "show", "metrics_url": "https://prometheus.test", "metrics_token": KEY}
    cluster.health = Health(
        True, facts={"metrics_api": "answers", "counters": "egress=0 invocations=12"}
    )
    page = text(staff.post(url("-settings", "eu1"), sent, follow=True))
    for said in ("https://prometheus.test", "answers", "12 series", "no series"):
        assert said in page
    form = text(staff.get(url("-settings", "eu1")))
    assert "kubecost_pod_network_egress_bytes_total{internet=&quot;true&quot;}" in form
    assert KEY not in page + form
    cluster.health = Health(True, facts={"metrics_api": "metrics-away", "metrics_said": "Timeout"})
    staff.post(url("-check", "eu1"))
    page = text(staff.get(url("", "eu1")))
    assert "does not answer" in page
    assert "Timeout" in page


def test_a_fault_of_the_metrics_api_keeps_no_token(staff, region):
    sent = STORE | {"drift": "show", "metrics_url": "http://prometheus.test", "metrics_token": KEY}
    answer = staff.post(url("-settings", "eu1"), sent)
    assert answer.status_code == 422
    assert "over https:// alone" in text(answer)
    assert KEY not in text(answer)
