"""The name server inside: what a cluster's DNS answers, straight from the API.

    python -m tests.kubernetes.names

SERVICE.NAMESPACE.svc has the Service's address, or those of its pods if it has none of its own;
POD.SERVICE.NAMESPACE.svc has the pod's. Names outside the cluster are those of the ConfigMap
`names` in `default`, each with its address. A records only; what is unknown does not exist
(NXDOMAIN).
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from urllib.parse import quote

from tests.kubernetes.api import Api

_A, _NO_SUCH_NAME = 1, 3
_SECONDS = 2  # that an answer may be kept
_OUTSIDE = "/api/v1/namespaces/default/configmaps/names"


def addresses(api: Api, name: str) -> list[str]:
    short = name.rstrip(".").removesuffix(".cluster.local")
    if not short.endswith(".svc"):
        known = (api.get(_OUTSIDE).get("data") or {}).get(short)
        return [known] if known else []
    parts = short.removesuffix(".svc").split(".")
    if len(parts) not in (2, 3):
        return []
    *pod, service, namespace = parts
    inside = f"/api/v1/namespaces/{namespace}"
    if pod:
        found = [api.get(f"{inside}/pods/{pod[0]}")]
        return _addresses_of(found)
    spec = api.get(f"{inside}/services/{service}").get("spec") or {}
    if spec.get("clusterIP") not in (None, "", "None"):
        return [spec["clusterIP"]]
    if not spec.get("selector"):
        return []
    labels = quote(",".join(f"{key}={value}" for key, value in spec["selector"].items()))
    return _addresses_of(api.items(f"{inside}/pods?labelSelector={labels}"))


def _addresses_of(pods: list[dict]) -> list[str]:
    known = (pod.get("status", {}).get("podIP") for pod in pods)
    return [address for address in known if address]


def reply(api: Api, asked: bytes) -> bytes:
    """RFC 1035: header, the question again, one record for each address."""
    labels, at = [], 12
    while size := asked[at]:
        labels.append(asked[at + 1 : at + 1 + size].decode())
        at += 1 + size
    kind = struct.unpack_from(">H", asked, at + 1)[0]
    found = addresses(api, ".".join(labels).lower())
    records = found if kind == _A else []
    flags = 0x8580 | (0 if found else _NO_SUCH_NAME)  # an answer, with authority
    header = asked[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0)
    body = asked[12 : at + 5]
    for address in records:
        body += b"\xc0\x0c" + struct.pack(">HHIH", _A, 1, _SECONDS, 4) + socket.inet_aton(address)
    return header + body


def main() -> None:
    api = Api(os.environ["KUBECONFIG"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))
        while True:
            asked, sender = server.recvfrom(512)
            # A broken question, or no API server: no answer, and whoever asks asks again.
            with contextlib.suppress(OSError, LookupError, struct.error, UnicodeDecodeError):
                server.sendto(reply(api, asked), sender)


if __name__ == "__main__":
    main()
