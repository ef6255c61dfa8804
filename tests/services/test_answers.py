"""What an API server answers, as an error of ours."""

from __future__ import annotations

import json

import pytest

from portal.kernel.errors import Permanent, Temporary
from services.backends.kubernetes.answers import told

REFUSED = 'admission webhook "v.example" denied the request: no'


@pytest.mark.parametrize(
    ("status", "said", "kind", "code"),
    [
        (401, "Unauthorized", Temporary, "not-allowed-there"),
        (403, 'pods is forbidden: User "x" cannot list', Permanent, "not-allowed-there"),
        (403, "pods is forbidden: exceeded quota: polder", Permanent, "cluster-quota"),
        (403, REFUSED, Permanent, "object-refused"),
        (403, f"{REFUSED[:-2]} cluster os-1 not found", Temporary, "webhook-away"),
        (403, "forbidden: because it is being terminated", Temporary, "namespace-gone"),
        (404, 'namespaces "polder-pj-1" not found', Temporary, "namespace-gone"),
        (404, 'clusters "pg-1" not found', Permanent, "object-refused"),
        (409, 'conflict with "kubectl" using v1', Permanent, "field-conflict"),
        (409, "the object has been modified", Temporary, "changed-meanwhile"),
        (410, "too old resource version", Temporary, "version-gone"),
        (422, "spec.memory: Invalid value", Permanent, "object-refused"),
        (429, "storage is (re)initializing", Temporary, "region-busy"),
        (500, "field not declared in schema", Permanent, "object-refused"),
        (500, "failed calling webhook: connection refused", Temporary, "webhook-away"),
        (503, "apiserver not ready", Temporary, "region-busy"),
    ],
)
def test_each_answer_is_one_of_our_errors(
    status: int, said: str, kind: type[Exception], code: str
) -> None:
    error = told(status, json.dumps({"message": said}))
    assert type(error) is kind
    assert (error.code, error.detail) == (code, said)
