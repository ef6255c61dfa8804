"""Plays the internet inside the rig's network: a folder of each host's files, over HTTPS.

    python -m tests.kubernetes.operators_real.outside FOLDER

FOLDER/HOST/PATH is what https://HOST/PATH answers: chart repositories, and registries of images
(`publish_image`). What is not there is not found.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import shutil
import ssl
import sys
from pathlib import Path

from tests.kubernetes.cluster import Cluster
from tests.kubernetes.keys import Authority
from tests.kubernetes.network import ROOT

HOSTS = ("nats-io.github.io", "ghcr.io", "registry.example.eu")
_ADDRESS, _PORT = "10.0.0.20", 443
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Outside:
    """On a cluster with nodes. `trusted` is what programs inside need to believe these hosts."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.files = cluster.home / "outside"
        self.trusted = {"SSL_CERT_FILE": str(cluster.home / "outside.crt")}

    def start(self) -> Outside:
        authority = Authority("outside authority")
        certificate, key = authority.leaf("outside", *HOSTS)
        for host in HOSTS:
            (self.files / host).mkdir(parents=True)
        (self.cluster.home / "outside.crt").write_bytes(authority.certificate)
        (self.files / "server.pem").write_bytes(certificate + key)
        names = {"kind": "ConfigMap", "metadata": {"name": "names", "namespace": "default"}}
        self.cluster.apply({"apiVersion": "v1", **names, "data": dict.fromkeys(HOSTS, _ADDRESS)})
        argv = ["-m", "tests.kubernetes.operators_real.outside", str(self.files)]
        self.cluster.run("outside", *argv, program=sys.executable, folder=ROOT)
        self.cluster.wait("outside", lambda: self.cluster.network.answers(_PORT))
        return self

    def publish(self, host: str, path: str, content: bytes) -> None:
        file = self.files / host / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def publish_image(self, image: str) -> None:
        """HOST/NAME:TAG gets a digest; there is nothing in it."""
        host, _, rest = image.partition("/")
        name, _, tag = rest.partition(":")
        layer = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2}
        config = {**layer, "digest": f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"}
        manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": []}
        self.publish(host, f"v2/{name}/manifests/{tag}", json.dumps(manifest).encode())

    def withdraw(self, host: str) -> None:
        """The host answers 404 to all."""
        shutil.rmtree(self.files / host)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root: Path

    def do_GET(self) -> None:  # the name is the base class's
        host = self.headers["Host"].partition(":")[0]
        path = self.path.partition("?")[0].strip("/")
        file = self.root / host / path
        found = file.read_bytes() if file.is_file() else b""
        self.send_response(200 if found or path == "v2" else 404)
        self.send_header("Content-Length", str(len(found)))
        if "/manifests/" in path and found:
            self.send_header("Content-Type", _MANIFEST)
            digest = f"sha256:{hashlib.sha256(found).hexdigest()}"
            self.send_header("Docker-Content-Digest", digest)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(found)

    do_HEAD = do_GET


def main(folder: Path) -> None:
    Handler.root = folder
    known = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    known.load_cert_chain(folder / "server.pem")
    with http.server.ThreadingHTTPServer(("0.0.0.0", _PORT), Handler) as server:  # noqa: S104
        server.socket = known.wrap_socket(server.socket, server_side=True)
        server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
