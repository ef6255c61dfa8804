"""A client of the API for tests: JSON in and out, with a token."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from portal.accounts.models import User
from services.instances.models import Operation
from tests.makers import drive, make_token

ROOT = "/api/v1/"


class Api:
    """`api.get("instances")` answers with a response that has `.json()`."""

    def __init__(self, user: User | None = None, *, token: str = "") -> None:
        self.token = token or (make_token(user) if user else "")
        self.client = Client(raise_request_exception=False)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        url = path if path.startswith(("/", "http")) else ROOT + path
        data = body if isinstance(body, bytes | str) else json.dumps(body)
        return self.client.generic(
            method,
            url,
            data if body is not None else "",
            content_type="application/json",
            headers=headers,
        )

    def get(self, path: str, **headers: str) -> Any:
        return self("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self("DELETE", path, **headers)


def finish(response: Any, state: str = "succeeded") -> Operation:
    """Drives the operation that a 202 names to its end."""
    assert response.status_code == 202, response.content
    operation = drive(Operation.objects.get(public_id=response.json()["id"]))
    assert operation.state == state, operation.error_code
    return operation


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """The body of an answer that must be this problem."""
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["code"]) == (status, code), body
    assert response["Content-Type"] == "application/problem+json"
    assert body["detail"]
    assert body["request_id"] == response["X-Request-Id"]
    return body
