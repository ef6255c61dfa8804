"""InfluxDB, by a real client over HTTPS."""

import base64
import hashlib
import hmac
import json
import socket
import ssl
import time

import pytest
import requests


def call(handle, path, *, method="POST", auth=(), **more):
    c = handle.credentials
    login = (c.username, str(c.password)) if auth == () else auth
    return requests.request(
        method, f"https://{c.host}:{c.port}{path}", auth=login, verify=handle.ca, timeout=60, **more
    )


def ask(handle, statement, **more):
    answer = call(
        handle, "/query", data={"db": handle.credentials.database, "q": statement}, **more
    )
    return answer.status_code, answer.json()


def write(handle, line, **more):
    answer = call(handle, f"/write?db={handle.credentials.database}", data=line, **more)
    return answer.status_code


def values(handle, statement):
    status, found = ask(handle, statement)
    assert status == 200, found
    return [row for series in found["results"][0].get("series", []) for row in series["values"]]


def test_lives_its_life(run_offering):
    handle = run_offering("influxdb")
    assert write(handle, "weather,place=delft degrees=11.5 1700000000000000000") == 204
    assert values(handle, "select degrees from weather")[0][1] == 11.5
    c = handle.credentials
    old = str(c.password)
    assert ask(handle, "show measurements", auth=(c.username, "wrong"))[0] == 401
    assert ask(handle, "show measurements", auth=None)[0] == 401
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{c.host}:{c.port}/ping", timeout=60)

    handle.pause()
    with pytest.raises(requests.ConnectionError):
        ask(handle, "show measurements")
    handle.resume()
    assert values(handle, "select degrees from weather")[0][1] == 11.5
    handle.rotate()
    assert ask(handle, "show measurements", auth=(c.username, old))[0] == 401
    assert values(handle, "select degrees from weather")[0][1] == 11.5

    handle.destroy()
    assert not (handle.backend.home / "instances" / handle.spec.name).exists()


def test_choices_are_really_applied(run_offering):
    handle = run_offering(
        "influxdb", parameters={"database": "weather_nl", "retention_days": 30, "max_queries": 7}
    )
    assert values(handle, "show retention policies")[0][:2] == ["autogen", "720h0m0s"]
    assert write(handle, "m,tag=a v=1 1") == 400  # older than what is kept
    assert limits(handle) == (256 << 20, 7, "0s", 200)
    handle.change(plan="single-2x8", query_timeout_seconds=9, max_connections=50)
    assert limits(handle) == (2048 << 20, 7, "9s", 50)


def limits(handle):
    """What the server itself says that it runs with."""
    admin = ("polder_admin", str(handle.spec.secrets["admin_password"]))
    status, found = ask(handle, "show diagnostics", auth=admin)
    assert status == 200
    parts = {
        series["name"]: dict(zip(series["columns"], series["values"][0], strict=True))
        for series in found["results"][0]["series"]
    }
    queries = parts["config-coordinator"]
    return (
        parts["config-data"]["cache-max-memory-size"],
        queries["max-concurrent-queries"],
        queries["query-timeout"],
        parts["config-httpd"]["max-connection-limit"],
    )


WAYS_OUT = [
    "create database other",
    "create user other with password 'x' with all privileges",
    "grant all privileges to app",
    "set password for polder_admin = 'x'",
    "drop user polder_admin",
    "show users",
    "create subscription s on app.autogen destinations all 'http://127.0.0.1:1'",
    "create retention policy p on app duration 1d replication 1",
    "show diagnostics",
    "drop shard 1",
]


def test_ways_out_are_closed(run_offering):
    handle = run_offering("influxdb")
    for statement in WAYS_OUT:
        status, answer = ask(handle, statement)
        assert status == 403, (statement, status, answer)
    assert values(handle, "show databases") == [["app"]]
    for path in ("/debug/pprof/heap", "/debug/pprof/cmdline"):
        assert call(handle, path, method="GET", auth=None).status_code in (401, 403, 404), path


def test_a_token_signed_with_no_key_is_refused(run_offering):
    """CVE-2019-20933: with an empty shared secret anybody can sign such a token."""
    handle = run_offering("influxdb")

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    body = (
        part({"alg": "HS256", "typ": "JWT"})
        + b"."
        + part({"username": "polder_admin", "exp": int(time.time()) + 600})
    )
    for key in (b"", b"x"):
        seal = base64.urlsafe_b64encode(hmac.digest(key, body, hashlib.sha256)).rstrip(b"=")
        token = (body + b"." + seal).decode()
        answer = ask(handle, "show users", auth=None, headers={"Authorization": f"Bearer {token}"})
        assert answer[0] == 401, answer


def test_the_administrator_exists_before_anybody_is_told(run_offering):
    handle = run_offering("influxdb")
    status, _ = ask(handle, "create user me with password 'x' with all privileges", auth=None)
    assert status == 401
    admin = ("polder_admin", str(handle.spec.secrets["admin_password"]))
    assert ask(handle, "show users", auth=admin)[1]["results"][0]["series"][0]["values"] == [
        ["polder_admin", True],
        ["app", False],
    ]


def test_a_renewed_certificate_is_taken_over(run_offering):
    handle = run_offering("influxdb")
    before = shown(handle)
    (handle.backend.home / "instances" / handle.spec.name / "config" / "certificate.pem").unlink()
    handle.apply()
    assert shown(handle) != before


def shown(handle):
    """Serial number of the certificate that clients see."""
    c = handle.credentials
    context = ssl.create_default_context(cafile=handle.ca)
    with (
        socket.create_connection((c.host, c.port), 60) as plain,
        context.wrap_socket(plain, server_hostname=c.host) as secure,
    ):
        return secure.getpeercert()["serialNumber"]
