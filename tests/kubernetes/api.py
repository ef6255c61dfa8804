"""The few requests to the API server that programs inside the rig's network make."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import urllib.parse
from pathlib import Path
from typing import Any


class Api:
    """As the kubeconfig (JSON) says that `KUBECONFIG` names. Threads may share it."""

    def __init__(self) -> None:
        known = json.loads(Path(os.environ["KUBECONFIG"]).read_text())
        server = known["clusters"][0]["cluster"]
        self._to = urllib.parse.urlsplit(server["server"])
        self._trusted = ssl.create_default_context(cafile=server["certificate-authority"])
        self._token = known["users"][0]["user"]["token"]

    def get(self, path: str) -> dict[str, Any]:
        """Empty where there is no such thing. Raises: OSError while nobody answers."""
        return self._ask("GET", path, None)

    def items(self, path: str) -> list[dict[str, Any]]:
        return self.get(path).get("items") or []

    def merge(self, path: str, change: dict[str, Any]) -> None:
        """A merge patch; nothing where the object has gone. Raises: OSError."""
        self._ask("PATCH", path, json.dumps(change))

    def _ask(self, method: str, path: str, body: str | None) -> dict[str, Any]:
        link = http.client.HTTPSConnection(
            self._to.hostname or "", self._to.port, context=self._trusted, timeout=10
        )
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/merge-patch+json",
        }
        try:
            link.request(method, path, body, headers)
            answer = link.getresponse()
            read: dict[str, Any] = json.loads(answer.read() or b"{}")
            return read if answer.status < 300 else {}
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(str(error)) from error
        finally:
            link.close()
