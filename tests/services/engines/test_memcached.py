"""Memcached, by a client of one socket."""

import contextlib
import gc
import socket
import ssl
import time

import pytest


class Connection:
    """Speaks the text protocol over TLS; logs in unless told not to. Waits `seconds` for each
    answer.
    """

    def __init__(self, handle, password=None, *, tls=True, seconds=60):
        c = handle.credentials
        plain = socket.create_connection((c.host, c.port), seconds)
        plain.settimeout(seconds)
        context = ssl.create_default_context(cafile=handle.ca)
        self.socket = context.wrap_socket(plain, server_hostname=c.host) if tls else plain
        self.greeting = ""
        if password is None:
            password = str(c.password)
        if password:
            self.greeting = self.put("auth", f"{c.username} {password}")

    def close(self) -> None:
        self.socket.close()

    def say(self, line: str) -> str:
        self.socket.sendall(f"{line}\r\n".encode("latin-1"))
        return self.socket.recv(1 << 16).decode("latin-1")

    def put(self, key: str, value: str) -> str:
        return self.say(f"set {key} 0 0 {len(value)}\r\n{value}").strip()

    def get(self, key: str) -> str | None:
        answer = self.say(f"get {key}").split("\r\n")
        return answer[1] if answer[0].startswith("VALUE") else None

    def settings(self, kind: str = "settings") -> dict[str, str]:
        answer = self.say(f"stats {kind}")
        while not answer.endswith("END\r\n"):
            answer += self.socket.recv(1 << 16).decode()
        return dict(line.split(" ", 2)[1:] for line in answer.splitlines() if line != "END")


def said_without_tls(handle) -> str:
    """What the server answers to a client that does not encrypt."""
    with contextlib.suppress(OSError):
        return Connection(handle, "", tls=False, seconds=3).say("version")
    return ""


def test_lives_its_life(run_offering):
    handle = run_offering("memcached")
    connection = Connection(handle)
    assert connection.greeting == "STORED"
    assert connection.socket.version() == "TLSv1.3"
    assert connection.put("word", "kept") == "STORED"
    assert Connection(handle).get("word") == "kept"
    old = str(handle.credentials.password)
    assert Connection(handle, "wrong").greeting.startswith("CLIENT_ERROR")
    assert Connection(handle, "").say("get word").startswith("CLIENT_ERROR unauthenticated")
    assert Connection(handle, "").put("word", "spoilt").startswith("CLIENT_ERROR")
    assert said_without_tls(handle) == ""

    handle.pause()
    with pytest.raises(OSError):
        Connection(handle)
    handle.resume()
    assert Connection(handle).get("word") is None  # it is a cache: nothing is kept on disk
    handle.rotate()
    assert Connection(handle, old).greeting.startswith("CLIENT_ERROR")
    assert Connection(handle).greeting == "STORED"

    handle.destroy()
    assert not (handle.backend.home / "instances" / handle.spec.name).exists()


def test_the_plan_is_really_applied(run_offering):
    handle = run_offering("memcached", parameters={"max_connections": 20, "when_full": "refuse"})
    settings = Connection(handle).settings()
    assert settings["maxbytes"] == str(819 << 20)
    assert settings["evictions"] == "off"
    assert (settings["udpport"], settings["inter"]) == ("0", "127.0.0.1")
    handle.change(plan="single-2x4", max_item_mib=8)
    settings = Connection(handle).settings()
    assert settings["maxbytes"] == str(3276 << 20)
    assert settings["item_size_max"] == str(8 << 20)


@pytest.mark.parametrize("plan", ["dev-1x1", "single-4x16"])
def test_connections_are_limited(run_offering, plan):
    handle = run_offering("memcached", plan=plan, parameters={"max_connections": 10})
    for _ in range(30):  # one after another
        with contextlib.closing(Connection(handle)) as one:
            assert one.greeting == "STORED"
    open_ones = [patiently(handle) for _ in range(10)]
    assert {c.greeting for c in open_ones} == {"STORED"}
    one_more = patiently(handle, open_ones[0])  # the server keeps it for the readiness check
    with pytest.raises(OSError):
        Connection(handle, seconds=3)
    assert one_more.greeting == "STORED"


def patiently(handle, witness=None):
    """A connection as soon as the server has noticed that earlier ones are closed; `witness` says
    how many it counts when it never does.
    """
    until = time.monotonic() + 120
    while True:
        try:
            return Connection(handle, seconds=3)
        except OSError:
            if time.monotonic() > until:
                pytest.fail(witness.say("stats") if witness else "no connection")
            gc.collect()  # a connection that a failure still holds counts, too
            time.sleep(0.1)


def test_ways_out_are_closed(run_offering):
    handle = run_offering("memcached")
    connection = Connection(handle)
    connection.put("word", "kept")
    for line in ("shutdown", "lru_crawler metadump all", "stats cachedump 1 1"):
        assert Connection(handle).say(line).startswith(("ERROR", "CLIENT_ERROR")), line
    assert connection.get("word") == "kept"
    binary_version = "\x80\x0b" + 22 * "\0"  # what the other protocol would answer has no login
    assert not Connection(handle, "").say(binary_version).startswith("\x81")


def test_a_renewed_certificate_is_taken_over(run_offering):
    handle = run_offering("memcached")
    before = shown(handle)
    (handle.backend.home / "instances" / handle.spec.name / "config" / "certificate.pem").unlink()
    handle.apply()
    assert shown(handle) != before


def shown(handle):
    """Serial number of the certificate that clients see."""
    return Connection(handle).socket.getpeercert()["serialNumber"]
