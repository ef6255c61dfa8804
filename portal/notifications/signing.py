"""The signature of a delivery. How a receiver checks it stands in docs/webhooks.md."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

HEADER = "Polder-Signature"


def header(secrets: Sequence[str], ident: str, timestamp: int, body: bytes) -> str:
    """`t=TIMESTAMP,id=EVENT,v1=HEX`, with a `v1` for each secret that holds now."""
    signed = [f"v1={_hmac(secret, timestamp, body)}" for secret in secrets]
    return ",".join([f"t={timestamp}", f"id={ident}", *signed])


def _hmac(secret: str, timestamp: int, body: bytes) -> str:
    """HMAC-SHA256 over `timestamp.body`; the body holds the event's id."""
    message = str(timestamp).encode() + b"." + body
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
