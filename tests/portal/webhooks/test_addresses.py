"""Where a webhook may lead, and where none may go."""

import ipaddress
import socket
import time
from unittest.mock import patch

import pytest

from portal.notifications import delivering, sending, targets
from portal.notifications.models import Delivery
from services.backends.process import certificates
from tests.portal.receivers import Resolver, receiving
from tests.portal.webhooks.telling import make_hook, tell

pytestmark = pytest.mark.django_db


def resolve_to(monkeypatch, *answers):
    resolver = Resolver(list(answers))
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return resolver


@pytest.fixture
def authority(tmp_path, settings, loopback):
    """A CA that webhooks trust, and a certificate for hooks.test."""
    settings.POLDER_WEBHOOK_CA = str(certificates.bundle(tmp_path))
    folder = tmp_path / "leaf"
    certificates.issue(tmp_path, folder, "hooks.test")
    return folder


def test_https_goes_to_the_checked_address_under_its_name(project, authority, monkeypatch):
    with receiving(certificate=authority) as place:
        resolver = resolve_to(monkeypatch, ["127.0.0.1"])
        make_hook(project, f"https://hooks.test:{place.port}/in?a=1")
        tell(project)
        delivering.deliver_due()
        assert place.got[0].headers["Host"] == f"hooks.test:{place.port}"
        assert place.got[0].path == "/in?a=1"
    assert resolver.asked == ["hooks.test"]
    assert Delivery.objects.get().state == "succeeded"


def test_a_certificate_for_another_name_is_not_taken(project, authority, monkeypatch):
    with receiving(certificate=authority) as place:
        resolve_to(monkeypatch, ["127.0.0.1"])
        make_hook(project, f"https://other.test:{place.port}/")
        tell(project)
        delivering.deliver_due()
        assert place.got == []
    assert Delivery.objects.get().error == "tls"


def test_a_certificate_of_a_strange_authority_is_not_taken(
    project, authority, monkeypatch, settings
):
    settings.POLDER_WEBHOOK_CA = ""
    with receiving(certificate=authority) as place:
        resolve_to(monkeypatch, ["127.0.0.1"])
        make_hook(project, f"https://hooks.test:{place.port}/")
        tell(project)
        delivering.deliver_due()
        assert place.got == []
    assert Delivery.objects.get().error == "tls"


def test_an_answer_that_changes_after_the_check_reaches_nobody(project, receiver, monkeypatch):
    """Rebinding: the name is good when it is checked, and leads inside a moment later."""
    with receiving(address="127.0.0.2", port=receiver.port) as inside:
        resolver = resolve_to(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
        make_hook(project, f"http://rebind.test:{receiver.port}/")
        tell(project)
        delivering.deliver_due()
        assert len(resolver.asked) == 1
        assert len(receiver.got) == 1
        tell(project)
        delivering.deliver_due()
        assert len(resolver.asked) == 2
        assert inside.got == []
        assert len(receiver.got) == 1
    assert Delivery.objects.latest("pk").error == "refused"


def test_one_forbidden_answer_among_good_ones_is_enough(project, loopback, monkeypatch, settings):
    settings.POLDER_WEBHOOK_ALLOW = []
    resolve_to(monkeypatch, ["93.184.216.34", "10.0.0.7"])
    make_hook(project, "http://mixed.test/")
    tell(project)
    with patch.object(sending, "post", side_effect=AssertionError):
        delivering.deliver_due()
    assert Delivery.objects.get().error == "refused"


FORBIDDEN = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",  # noqa: S104
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "198.18.0.1",
    "192.0.2.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:93.184.216.34",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_no_way_leads_inside(address, monkeypatch):
    resolve_to(monkeypatch, [address])
    with pytest.raises(targets.TargetError) as refused:
        targets.address_of(targets.parse("https://name.test/"))
    assert refused.value.code == "refused"


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700:4700::1111", "100.128.0.1"])
def test_the_internet_is_reached(address, monkeypatch):
    resolve_to(monkeypatch, [address])
    assert targets.address_of(targets.parse("https://name.test/")) == address


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f000001", "[::1]"])
def test_other_ways_to_write_loopback_are_seen_through(host, settings):
    with pytest.raises(targets.TargetError):
        targets.address_of(targets.parse(f"https://{host}/"))


def test_an_allow_list_opens_what_it_names_and_no_more(monkeypatch, settings):
    settings.POLDER_WEBHOOK_ALLOW = [ipaddress.ip_network("10.20.0.0/16")]
    url = targets.parse("https://name.test/")
    resolve_to(monkeypatch, ["10.20.3.4"], ["10.21.0.1"])
    assert targets.address_of(url) == "10.20.3.4"
    with pytest.raises(targets.TargetError):
        targets.address_of(url)


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: time.sleep(1) or [])
    monkeypatch.setattr(targets, "_RESOLVE_SECONDS", 0.05)
    with pytest.raises(targets.TargetError) as missing:
        targets.address_of(targets.parse("https://slow.test/"))
    assert missing.value.code == "no-address"


def test_redirects_are_not_followed(project, receiver):
    with receiving() as elsewhere:
        receiver.answers, receiver.headers = [(302, b"")], {"Location": elsewhere.url}
        make_hook(project, receiver.url)
        tell(project)
        delivering.deliver_due()
        assert elsewhere.got == []
    assert (Delivery.objects.get().error, Delivery.objects.get().status) == ("redirect", 302)


def test_proxies_of_the_environment_are_not_used(project, receiver, monkeypatch):
    with receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        make_hook(project, receiver.url)
        tell(project)
        delivering.deliver_due()
        assert proxy.got == []
    assert len(receiver.got) == 1
