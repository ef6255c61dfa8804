"""The metrics API of a Kubernetes region: where counters of its cluster are asked for.

Any server that speaks the HTTP API of Prometheus. The token is a secret of the region.
Source: Prometheus, "HTTP API" and "Querying basics".
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from services.regions.addresses import is_address
from services.spec import Counter, Secret

FIELDS = ("metrics_url", "metrics_ca", "metrics_egress", "metrics_egress_labels")
# Bytes that a pod sent to the internet, as OpenCost reads them.
EGRESS = 'kubecost_pod_network_egress_bytes_total{internet="true"}'
EGRESS_LABELS = "namespace, pod_name"
_GIB = 2**30
_LABEL = r"[a-zA-Z_][a-zA-Z0-9_]*"
_MATCHER = rf'\s*{_LABEL}\s*(?:=|!=|=~|!~)\s*"(?:[^"\\\n]|\\.)*"\s*'
_SELECTOR = re.compile(rf"[a-zA-Z_:][a-zA-Z0-9_:]*(?:\{{(?:{_MATCHER}(?:,{_MATCHER})*)?,?\s*\}})?")
_LABELS = re.compile(rf"({_LABEL})\s*[,\s]\s*({_LABEL})")


@dataclass(frozen=True, slots=True)
class MetricsApi:
    """`ca` is PEM, empty for those that this system trusts; `token` may be empty. `egress` is None
    where traffic is not counted.
    """

    url: str
    token: Secret
    ca: str
    egress: Counter | None


def read(stored: Mapping[str, Any], token: str) -> MetricsApi:
    """From `Region.settings["metrics"]`."""
    egress = None
    if stored["egress"] != "off":
        namespace, pod = stored["egress_labels"]
        egress = Counter("egress", stored["egress"], namespace, pod, of_pods=True, per=_GIB)
    return MetricsApi(stored["url"], Secret(token), stored["ca"], egress)


def clean(given: Mapping[str, Any], faults: dict[str, str]) -> dict[str, Any] | None:
    """What is kept of what was filled in, by the names of `FIELDS`; None without an address."""
    url, ca, egress, labels = (str(given.get(name) or "").strip() for name in FIELDS)
    if not url:
        if ca:
            faults["metrics_url"] = _("Name the metrics API that the certificate authority is of.")
        return None
    if not is_address(url):
        faults["metrics_url"] = _("Write the address of the API, https:// included.")
    if ca and not _is_pem(ca):
        faults["metrics_ca"] = _("Write the certificate authority as PEM, with its first line.")
    egress = egress or EGRESS
    if egress != "off" and not _SELECTOR.fullmatch(egress):
        faults["metrics_egress"] = _(
            "Write one series selector of PromQL, such as %(example)s, or “off”."
        ) % {"example": EGRESS}
    named = _LABELS.fullmatch(labels or EGRESS_LABELS)
    if named is None:
        faults["metrics_egress_labels"] = _(
            "Write the names of two labels, with a comma between: of the namespace and of the pod."
        )
    return {
        "url": url.rstrip("/"),
        "ca": ca,
        "egress": egress,
        "egress_labels": list(named.groups()) if named else [],
    }


def filled_in(stored: Mapping[str, Any] | None) -> dict[str, str]:
    """As a form shows it."""
    known = stored or {"url": "", "ca": "", "egress": EGRESS}
    return {
        "metrics_url": known["url"],
        "metrics_ca": known["ca"],
        "metrics_egress": known["egress"],
        "metrics_egress_labels": ", ".join(stored["egress_labels"]) if stored else EGRESS_LABELS,
    }


def _is_pem(text: str) -> bool:
    try:
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError):
        return False
    return True
