"""A validating webhook inside the rig's network that says no to all that it is asked about.

    python -m tests.kubernetes.refusing PORT FOLDER WORDS

FOLDER holds `tls.crt` and `tls.key`; WORDS is what it says.
"""

from __future__ import annotations

import http.server
import json
import ssl
import sys
from pathlib import Path


class Handler(http.server.BaseHTTPRequestHandler):
    words = ""

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        review["response"] = {
            "uid": review["request"]["uid"],
            "allowed": False,
            "status": {"code": 403, "message": self.words},
        }
        del review["request"]
        body = json.dumps(review).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    port, folder, Handler.words = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
