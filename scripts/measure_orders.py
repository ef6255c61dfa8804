"""How long an order takes until a real client works: each offering, against the bare engine where
that can be said.

    python scripts/measure_orders.py [--runs 10] [--only postgresql,redis]

Starts an installation of its own. For PostgreSQL the same binaries are also driven by hand in the
same run: `initdb`, start, `create role`, connect. Prints medians and the load of the machine.
"""

from __future__ import annotations

import argparse
import os
import pwd
import secrets
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psycopg

from tests.soak.installation import Installation

Credentials = dict[str, Any]
_EAGER = {"POLDER_API_REQUESTS_PER_MINUTE": "1000000"}  # we ask every ten milliseconds


def connect_postgresql(c: Credentials) -> None:
    with psycopg.connect(c["uri"].replace("verify-full", "require")) as connection:
        connection.execute("select 1")


def connect_line(say: bytes, expect: bytes, *, tls: bool = False) -> Callable[[Credentials], None]:
    """A login over a line protocol."""

    def connect(c: Credentials) -> None:
        with socket.create_connection((c["host"], c["port"]), 5) as plain:
            connection = plain
            if tls:
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                connection = context.wrap_socket(plain)
            user, password = c["username"].encode(), c["password"].encode()
            connection.sendall(say.replace(b"USER", user).replace(b"PASS", password))
            answer = connection.recv(4096)
            assert expect in answer, answer

    return connect


def connect_memcached(c: Credentials) -> None:
    login = f"{c['username']} {c['password']}"
    say = f"set auth 0 0 {len(login)}\r\n{login}\r\n".encode()
    connect_line(say, b"STORED", tls=True)(c)


def connect_nats(c: Credentials) -> None:
    import asyncio

    import nats

    async def go() -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        server = f"tls://{c['host']}:{c['port']}"
        connection = await nats.connect(
            server, user=c["username"], password=c["password"], tls=context
        )
        await connection.publish("a", b"1")
        await connection.close()

    asyncio.run(go())


def connect_mariadb(c: Credentials) -> None:
    import pymysql

    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = pymysql.connect(
        host=c["host"],
        port=c["port"],
        user=c["username"],
        password=c["password"],
        database=c["database"],
        ssl=context,
    )
    connection.query("select 1")
    connection.close()


def connect_rabbitmq(c: Credentials) -> None:
    import pika

    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    parameters = pika.URLParameters(c["uri"])
    parameters.ssl_options = pika.SSLOptions(context)
    pika.BlockingConnection(parameters).close()


def connect_s3(c: Credentials) -> None:
    import boto3

    boto3.client(
        "s3",
        endpoint_url=f"https://{c['host']}:{c['port']}",
        aws_access_key_id=c["username"],
        aws_secret_access_key=c["password"],
        region_name="us-east-1",
        verify=False,
    ).list_buckets()


def connect_kafka(c: Credentials) -> None:
    from confluent_kafka.admin import AdminClient

    AdminClient(
        {
            "bootstrap.servers": f"{c['host']}:{c['port']}",
            "security.protocol": "SASL_SSL",
            "sasl.mechanisms": "SCRAM-SHA-512",
            "sasl.username": c["username"],
            "sasl.password": c["password"],
            "enable.ssl.certificate.verification": "false",
            "log_level": 0,
        }
    ).list_topics(timeout=20)


def connect_influxdb(c: Credentials) -> None:
    import base64
    import urllib.request

    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    token = base64.b64encode(f"{c['username']}:{c['password']}".encode()).decode()
    request = urllib.request.Request(
        f"https://{c['host']}:{c['port']}/query",
        data=b"q=SHOW+MEASUREMENTS&db=" + c["database"].encode(),
        headers={"Authorization": f"Basic {token}"},
    )
    urllib.request.urlopen(request, context=context, timeout=10).read()


CLIENTS: dict[str, Callable[[Credentials], None]] = {
    "postgresql": connect_postgresql,
    "redis": connect_line(b"AUTH USER PASS\r\nPING\r\n", b"+PONG"),
    "memcached": connect_memcached,
    "nats": connect_nats,
    "mariadb": connect_mariadb,
    "influxdb": connect_influxdb,
    "rabbitmq": connect_rabbitmq,
    "object-storage": connect_s3,
    "kafka": connect_kafka,
}


def order_once(place: Installation, slug: str) -> tuple[float, str]:
    """Seconds from the API call to the first successful client call; the instance's id."""
    began = time.monotonic()
    body = {"offering": slug, "name": f"m-{secrets.token_hex(4)}"}
    operation = place.call("POST", "/projects/demo/instances", body)
    while operation["state"] in ("pending", "running"):
        time.sleep(0.01)
        operation = place.call("GET", f"/operations/{operation['id']}")
    assert operation["state"] == "succeeded", operation["error"]
    found = place.call("GET", f"/instances/{operation['instance']}/credentials")
    CLIENTS[slug](found)
    return time.monotonic() - began, operation["instance"]


def purge(place: Installation, ident: str) -> None:
    place.call("PATCH", f"/instances/{ident}", {"protected": False})
    operation = place.call("DELETE", f"/instances/{ident}?purge=true")
    while operation["state"] in ("pending", "running"):
        time.sleep(0.1)
        operation = place.call("GET", f"/operations/{operation['id']}")


def bare_postgresql(home: Path) -> float:
    """`initdb`, start, `create role`, connect as it: the same binaries by hand."""
    programs = next((home / "engines" / "postgresql-17").glob("lib/python3*/site-packages/*/*/bin"))
    folder = Path(tempfile.mkdtemp(prefix="bare"))
    folder.chmod(0o777)
    drop: dict[str, Any] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        drop = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.monotonic()
    data = folder / "data"
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "boss", "-A", "trust", "--no-sync"],
        check=True,
        capture_output=True,
        cwd=folder,
        **drop,
    )
    server = subprocess.Popen(
        [programs / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", ""],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        **drop,
    )
    while True:
        try:
            connection = psycopg.connect(
                f"host=127.0.0.1 port={port} user=boss dbname=postgres", autocommit=True
            )
            break
        except psycopg.OperationalError:
            time.sleep(0.01)
    connection.execute("create role app login password 'x'")
    connection.close()
    with psycopg.connect(f"host=127.0.0.1 port={port} user=app dbname=postgres") as second:
        second.execute("select 1")
    seconds = time.monotonic() - began
    server.send_signal(2)
    server.wait(20)
    shutil.rmtree(folder, ignore_errors=True)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--only", default=",".join(CLIENTS))
    wanted = parser.parse_args()
    place = Installation(environment=_EAGER).start()
    try:
        for slug in wanted.only.split(","):
            _, first = order_once(place, slug)  # installs the engine
            time.sleep(3)
            taken, bare, idents = [], [], [first]
            for _ in range(wanted.runs):
                if slug == "postgresql":
                    bare.append(bare_postgresql(place.home))
                seconds, ident = order_once(place, slug)
                taken.append(seconds)
                idents.append(ident)
                time.sleep(0.5)
            middle = statistics.median(taken)
            line = f"{slug:16} {middle:6.2f} s  (min {min(taken):.2f}, max {max(taken):.2f})"
            if bare:
                own = statistics.median(bare)
                line += f"; bare {own:.2f} s, ratio {middle / own:.2f}"
            print(f"{line}  load {os.getloadavg()[0]:.2f}", flush=True)
            for ident in idents:
                purge(place, ident)
    finally:
        place.discard()


if __name__ == "__main__":
    main()
