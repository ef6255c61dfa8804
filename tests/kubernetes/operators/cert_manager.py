"""cert-manager 1.21: Certificate. Its Secret's certificate is for exactly the names asked for."""

from __future__ import annotations

from collections.abc import Iterable

from tests.kubernetes.keys import Authority
from tests.kubernetes.operators.double import Object, Play, Seen, conditions
from tests.kubernetes.operators.shapes import secret


class Certificates(Play):
    api = "cert-manager.io/v1"
    plural = "certificates"
    observes = False

    def __init__(self) -> None:
        self.authority = Authority("platform authority")

    def children(self, one: Object) -> Iterable[Object]:
        names = one["spec"]["dnsNames"]
        certificate, key = self.authority.leaf(*names)
        held = {"tls.crt": certificate, "tls.key": key, "ca.crt": self.authority.certificate}
        texts = {name: content.decode() for name, content in held.items()}
        yield secret(one["spec"]["secretName"], **texts)

    def status(self, one: Object, seen: Seen) -> Object:
        said = ("True", "Ready", "Certificate is up to date and has not expired")
        return {"conditions": conditions(one, Ready=said)}
