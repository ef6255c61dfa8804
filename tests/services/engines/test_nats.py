"""NATS by real clients: nats-py and paho-mqtt."""

import asyncio
import os
import re
import signal
import socket
import ssl
import time

import nats
import nats.errors
import paho.mqtt.client as mqtt
import pytest
from cryptography import x509

REFUSED = (nats.errors.Error, OSError, TimeoutError)


def call(handle, work, **changes):
    """The result of `work(connection)`; TLS is verified against the installation's CA."""
    c = handle.credentials

    async def go():
        wanted = {
            "servers": f"tls://{c.host}:{c.port}",
            "user": c.username,
            "password": str(c.password),
            "tls": ssl.create_default_context(cafile=handle.ca),
            "allow_reconnect": False,
            "max_reconnect_attempts": 0,
            "connect_timeout": 60,
        }
        connection = await nats.connect(**{**wanted, **changes})
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(asyncio.wait_for(go(), 180))


async def nothing(connection):
    return connection.is_connected


async def write(connection):
    stream = connection.jetstream()
    await stream.add_stream(name="S", subjects=["s.*"])
    return (await stream.publish("s.x", b"kept")).seq


async def read(connection):
    found = await connection.jetstream().get_msg("S", 1)
    return found.data


def mqtt_client(handle, password):
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=os.urandom(4).hex())
    client.username_pw_set("app", password)
    client.tls_set(ca_certs=handle.ca)
    return client


def mqtt_echo(handle, password):
    """What comes back over MQTT; raises PermissionError when the login is refused."""
    got, codes, client = [], [], mqtt_client(handle, password)
    client.on_message = lambda c, u, m: got.append(m.payload)
    client.on_connect = lambda c, u, f, code, p: (codes.append(code), c.subscribe("t/1", 1))
    client.on_subscribe = lambda c, *a: c.publish("t/1", b"echo", 1)
    client.connect("127.0.0.1", handle.ports()["mqtt"])
    client.loop_start()
    until = time.monotonic() + 120
    while not got and time.monotonic() < until and not (codes and codes[0].is_failure):
        time.sleep(0.02)
    client.disconnect()
    client.loop_stop()
    if codes and codes[0].is_failure:
        raise PermissionError(str(codes[0]))
    return got


def test_lives_its_life(run_offering):
    handle = run_offering("nats")
    old = str(handle.credentials.password)
    assert call(handle, write) == 1
    assert mqtt_echo(handle, old) == [b"echo"]
    with pytest.raises(REFUSED):
        call(handle, nothing, password="wrong")
    with pytest.raises(PermissionError):
        mqtt_echo(handle, "wrong")

    handle.pause()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", handle.credentials.port), 2)
    handle.resume()
    assert call(handle, read) == b"kept"
    handle.rotate()
    with pytest.raises(REFUSED):
        call(handle, nothing, password=old)
    with pytest.raises(PermissionError):
        mqtt_echo(handle, old)
    assert call(handle, read) == b"kept"
    assert mqtt_echo(handle, str(handle.credentials.password)) == [b"echo"]

    port = handle.credentials.port
    handle.destroy()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), 2)
    assert not (handle.backend.home / "instances" / handle.spec.name).exists()


def test_a_rotation_ends_open_connections(run_offering):
    handle = run_offering("nats")

    async def outlive(connection):
        await asyncio.to_thread(handle.rotate)
        until = time.monotonic() + 120
        while connection.is_connected and time.monotonic() < until:
            await asyncio.sleep(0.05)
        return connection.is_connected

    assert call(handle, outlive) is False


def test_plaintext_is_refused(run_offering):
    handle = run_offering("nats")
    c = handle.credentials
    with socket.create_connection((c.host, c.port), 60) as plain:
        assert b'"tls_required":true' in plain.recv(4096)
        login = f'CONNECT {{"user":"app","pass":"{c.password}","verbose":true}}\r\nPING\r\n'
        plain.sendall(login.encode())
        plain.settimeout(60)
        answer = b""
        try:
            while chunk := plain.recv(4096):
                answer += chunk
        except ConnectionError:
            pass
        assert b"+OK" not in answer
        assert b"PONG" not in answer
    with pytest.raises(REFUSED):
        call(handle, nothing, tls=ssl.create_default_context())
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.username_pw_set("app", str(c.password))
    codes = []
    client.on_connect = lambda *a: codes.append(a[3])
    client.connect("127.0.0.1", handle.ports()["mqtt"])
    client.loop_start()
    time.sleep(1)
    client.loop_stop()
    assert codes == []


SYSTEM = ("SERVER.PING", "SERVER.PING.VARZ", "SERVER.PING.JSZ", "CLAIMS.UPDATE", "CLAIMS.LIST")


def test_the_server_itself_is_out_of_reach(run_offering):
    handle = run_offering("nats")
    heard = []

    async def try_all(connection):
        async def hear(message):
            heard.append(message.subject)

        await connection.subscribe("$SYS.>", cb=hear)
        await connection.flush()
        server = connection._server_info["server_id"]
        for subject in (*SYSTEM, f"SERVER.{server}.RELOAD", f"SERVER.{server}.KICK"):
            try:
                answer = await connection.request(f"$SYS.REQ.{subject}", b"{}", timeout=1)
                heard.append((subject, answer.data))
            except (nats.errors.NoRespondersError, nats.errors.TimeoutError):
                pass

    call(handle, try_all)
    # A subscriber hears its own requests, never an event or an answer of the server.
    assert [h for h in heard if not str(h).startswith("$SYS.REQ.")] == []
    with pytest.raises(REFUSED):
        call(handle, nothing, user="sys", password="")
    with pytest.raises(REFUSED):
        call(handle, nothing, user=None, password=None)


def test_the_plan_is_really_applied(run_offering):
    handle = run_offering("nats", parameters={"max_payload_kib": 64})

    async def limits(connection):
        info = await connection.jetstream().account_info()
        return connection.max_payload, info.limits.max_storage

    async def fill(connection):
        await connection.jetstream().add_stream(name="BIG", subjects=["b"], max_bytes=6 * 2**30)

    async def kept(connection):
        return connection.max_payload

    assert call(handle, limits)[0] == 64 * 1024
    with pytest.raises(REFUSED):
        call(handle, fill)
    call(handle, write)
    handle.change(plan="single-2x4")
    assert call(handle, read) == b"kept"
    call(handle, fill)
    pid = handle.backend.supervisor.state(handle.spec.name).pid
    handle.change(max_payload_kib=128)
    until = time.monotonic() + 120
    while call(handle, kept) != 128 * 1024:
        assert time.monotonic() < until
    assert handle.backend.supervisor.state(handle.spec.name).pid == pid


def test_a_renewed_certificate_is_taken_over(run_offering):
    handle = run_offering("nats")
    folder = handle.backend.home / "instances" / handle.spec.name / "config"
    (folder / "certificate.pem").unlink()
    handle.apply()
    wanted = x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())

    def shown(port, greeting):
        context = ssl.create_default_context(cafile=handle.ca)
        with socket.create_connection(("127.0.0.1", port), 60) as plain:
            if greeting:
                assert re.match(rb"INFO ", plain.recv(4096))
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                return x509.load_der_x509_certificate(secure.getpeercert(True)).serial_number

    until = time.monotonic() + 120
    ports = handle.ports()
    while {shown(ports["client"], True), shown(ports["mqtt"], False)} != {wanted.serial_number}:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_crash_is_repaired_by_the_supervisor(run_offering):
    handle = run_offering("nats")
    call(handle, write)
    pid = handle.backend.supervisor.state(handle.spec.name).pid
    os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + 120
    while handle.backend.supervisor.state(handle.spec.name).pid in (0, pid) or (
        handle.observe().observed != "ready"
    ):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert call(handle, read) == b"kept"
