"""An operator's own webhooks, called at an address instead of through a Service."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml

KINDS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")


def pointed_at(address: str, authority: Path, *manifests: Path) -> list[dict[str, Any]]:
    """The configurations in these manifests; `authority` signed what answers at `address`."""
    bundle = base64.b64encode(authority.read_bytes()).decode()
    found = [
        document
        for file in manifests
        for document in yaml.safe_load_all(file.read_text())
        if document and document["kind"] in KINDS
    ]
    for document in found:
        port = address.rsplit(":", 1)[1]  # manifests of one toolkit share their names
        document["metadata"] = {"name": f"{document['metadata']['name']}-{port}"}
        for hook in document["webhooks"]:
            path = hook["clientConfig"]["service"].get("path", "/")
            hook["clientConfig"] = {"url": f"{address}{path}", "caBundle": bundle}
    return found
