"""Signatures of requests to an S3 store. Pure.

Source: AWS Signature Version 4, “Signing AWS API requests”; only headers are signed, no query.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

_ALGORITHM = "AWS4-HMAC-SHA256"


def signed_headers(
    method: str,
    host: str,
    path: str,
    body_digest: str,
    *,
    access_key: str,
    secret: str,
    region: str,
    at: datetime,
) -> dict[str, str]:
    """Headers that must be sent as they are. `path` is encoded already, `body_digest` is the
    SHA-256 of the body in hex, `host` has its port where it is not the usual one.
    """
    moment = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": host, "x-amz-content-sha256": body_digest, "x-amz-date": moment}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = "\n".join((method, path, "", lines, names, body_digest))
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for part in (*scope.split("/"), f"{_ALGORITHM}\n{moment}\n{scope}\n{digest}"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    who = f"Credential={access_key}/{scope}"
    given = f"{_ALGORITHM} {who}, SignedHeaders={names}, Signature={key.hex()}"
    return {**headers, "authorization": given}
