"""Makes the first buckets, or logs in and reads the object that shows that the store answers: by
the filer, so that it does not count as a request of the tenant's.

Run by the engine's Python with JSON on stdin. Source: AWS Signature Version 4, RFC 7519.
Exit code 75: not yet.
"""

import base64
import hashlib
import hmac
import http.client
import json
import ssl
import sys
from datetime import UTC, datetime
from typing import Any

NOT_YET = 75
MADE, FOUND = (200, 204, 409), (200, 404)  # 409: the bucket is there; 404: the object was deleted


def sign(text: str, *, key: bytes) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def headers(
    wanted: dict[str, Any], method: str, path: str, content: bytes, now: datetime
) -> dict[str, str]:
    moment, body = now.strftime("%Y%m%dT%H%M%SZ"), hashlib.sha256(content).hexdigest()
    host = f"{wanted['host']}:{wanted['port']}"
    signed = {"host": host, "x-amz-content-sha256": body, "x-amz-date": moment}
    names = ";".join(signed)
    lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
    request = f"{method}\n{path}\n\n{lines}\n{names}\n{body}"
    scope = f"{moment[:8]}/{wanted['region']}/s3/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    key = f"AWS4{wanted['secret']}".encode()
    for part in scope.split("/"):
        key = sign(part, key=key)
    signature = sign(f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}", key=key).hex()
    who = f"Credential={wanted['key']}/{scope}"
    authorization = f"AWS4-HMAC-SHA256 {who}, SignedHeaders={names}, Signature={signature}"
    return {**signed, "authorization": authorization}


def ask(
    wanted: dict[str, Any], method: str, path: str, good: tuple[int, ...], content: bytes = b""
) -> None:
    """Ends the program unless the store answers as it should."""
    context = ssl.create_default_context(cafile=wanted["ca"])
    connection = http.client.HTTPSConnection(
        wanted["host"], wanted["port"], timeout=5, context=context
    )
    try:
        sent = headers(wanted, method, path, content, datetime.now(UTC))
        connection.request(method, path, body=content if method == "PUT" else None, headers=sent)
        answer = connection.getresponse()
        words = answer.read(300).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(NOT_YET)
    if answer.status not in good:
        sys.stderr.write(f"{method} {path}: {answer.status} {words}\n")
        sys.exit(1 if answer.status < 500 else NOT_YET)


def token(key: str, now: datetime) -> str:
    """What the filer wants of who reads."""

    def said(part: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")

    until = int(now.timestamp()) + 60
    signed = f"{said({'alg': 'HS256', 'typ': 'JWT'})}.{said({'exp': until})}"
    mark = base64.urlsafe_b64encode(sign(signed, key=key.encode())).decode().rstrip("=")
    return f"{signed}.{mark}"


def read_known(wanted: dict[str, Any]) -> None:
    """Ends the program unless the known object can be read, or the tenant has deleted it."""
    connection = http.client.HTTPConnection(wanted["host"], wanted["filer"], timeout=5)
    bearer = {"Authorization": f"BEARER {token(wanted['read_key'], datetime.now(UTC))}"}
    try:
        connection.request("GET", f"/buckets/{wanted['probe']}", headers=bearer)
        answer = connection.getresponse()
        words = answer.read(300).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(NOT_YET)
    if answer.status not in FOUND:
        sys.stderr.write(f"filer: {answer.status} {words}\n")
        sys.exit(1 if answer.status < 500 else NOT_YET)


def await_volumes(wanted: dict[str, Any]) -> None:
    """Ends the program unless the volume server has joined. A read that comes earlier may hang for
    half a minute, and those after it with it.
    """
    connection = http.client.HTTPConnection(wanted["host"], wanted["master"], timeout=5)
    try:
        connection.request("GET", "/dir/status")
        joined = json.load(connection.getresponse())["Topology"]["Max"]
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(NOT_YET)
    if not joined:
        sys.stderr.write("the volume server has not joined\n")
        sys.exit(NOT_YET)


def main() -> None:
    wanted = json.load(sys.stdin)
    await_volumes(wanted)
    for bucket in wanted["make"]:
        ask(wanted, "PUT", f"/{bucket}", MADE)
    if wanted["make"]:
        ask(wanted, "PUT", f"/{wanted['probe']}", MADE, b"ready\n")  # empty, it would lie nowhere
    ask(wanted, "GET", "/", (200,))
    read_known(wanted)


if __name__ == "__main__":
    main()
