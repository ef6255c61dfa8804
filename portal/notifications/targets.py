"""Where a webhook may go: never into the provider's own network, whatever a name resolves to.

A name is resolved once for each attempt; every answer is checked, and the connection is made to the
checked address, so that an answer which changes in between reaches nobody.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
MOST_URL = 500
_RESOLVE_SECONDS = 3.0
_PORTS = {"https": 443, "http": 80}
_VISIBLE = re.compile(r"[!-~\u00a1-\uffff]+")
# What the standard library (of some releases) calls global: ways to an IPv4 address that look like
# public IPv6 ones, networks for protocols, and one cloud's metadata server.
_ALSO_REFUSED = [
    ipaddress.ip_network(network)
    for network in (
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "2001::/23",
        "100::/64",
        "3fff::/20",
        "5f00::/16",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "168.63.129.16/32",
    )
]


class TargetError(Exception):
    """`code` says why nothing can be sent there: `no-address`, `refused`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Url:
    """The parts of an address that was checked. `path` carries the query."""

    scheme: str
    host: str
    port: int
    path: str


def parse(url: str) -> Url:
    """Raises: ValueError with a sentence for whoever typed it."""
    if not _VISIBLE.fullmatch(url) or len(url) > MOST_URL:
        raise ValueError(
            _("Give an address of at most %(most)s characters without spaces.") % {"most": MOST_URL}
        )
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
        host = (parts.hostname or "").encode("idna").decode()
    except (ValueError, UnicodeError) as error:
        raise ValueError(_("This is not the address of a web server.")) from error
    if parts.scheme not in _schemes():
        raise ValueError(_("The address must begin with %(schemes)s.") % {"schemes": _begins()})
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError(
            _("Give scheme, host and path only: no user, no password and nothing after a #.")
        )
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=-._~")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=-._~?")
    return Url(parts.scheme, host, port, f"{path}?{query}" if query else path)


def host_of(url: str) -> str:
    """The part that may stand in notices and in the audit trail: paths can hold secrets."""
    return urlsplit(url).netloc


def _schemes() -> tuple[str, ...]:
    return ("https", "http") if settings.POLDER_WEBHOOK_HTTP else ("https",)


def _begins() -> str:
    return " / ".join(f"{scheme}://" for scheme in _schemes())


def address_of(url: Url) -> str:
    """The address to connect to. Raises: TargetError when there is none, or when any of the answers
    is one that must not be reached.
    """
    found = _resolve(url.host, url.port)
    if not found:
        raise TargetError("no-address")
    if not all(_allowed(ipaddress.ip_address(one.partition("%")[0])) for one in found):
        raise TargetError("refused")
    return found[0]


def _allowed(address: Address) -> bool:
    if any(address in network for network in settings.POLDER_WEBHOOK_ALLOW):
        return True
    if address.version == 6 and address.ipv4_mapped is not None:
        return False
    if any(address in network for network in _ALSO_REFUSED):
        return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def _resolve(host: str, port: int) -> list[str]:
    """All addresses of a name, in the resolver's order; none when it does not answer in time. The
    resolver cannot be told to hurry, so it is asked in a thread that may be left behind.
    """
    found: list[str] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        found.extend(dict.fromkeys(str(answer[4][0]) for answer in answers))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_RESOLVE_SECONDS)
    return [] if thread.is_alive() else found
