"""Polder as it serves pages in production, inside the test run: hashed and compressed files from
WhiteNoise, threads of one WSGI server, and a place full of rows behind it.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.core.servers.basehttp import ThreadedWSGIServer
from django.db import connections
from django.test import Client, override_settings
from django.test.testcases import QuietWSGIRequestHandler
from playwright.sync_api import StorageState

from tests.makers import signed_in
from tests.walk.furnish import Place, furnished
from tests.walk.pages import Page, pages


@dataclass
class Site:
    """`urls` are absolute; `states` hold the cookies of each person, just signed in."""

    place: Place
    address: str
    urls: dict[Page, str]
    states: dict[Any, StorageState]


class _Server(ThreadedWSGIServer):
    """Closes the database connection of each thread with it."""

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        super().process_request_thread(request, client_address)
        connections.close_all()


@contextmanager
def site(people: tuple[Any, ...]) -> Iterator[Site]:
    """Rows are committed, for the threads of the server to see, and flushed at the end."""
    with furnished() as place, _files(), override_settings(ALLOWED_HOSTS=["*"]):
        server = _Server(("127.0.0.1", 0), QuietWSGIRequestHandler)
        server.set_app(WSGIHandler())
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        urls = {page: f"{address}{page.full_url(place)}" for page in pages()}
        try:
            yield Site(place, address, urls, {who: _state(place, who) for who in people})
        finally:
            server.shutdown()
            server.server_close()
            thread.join(10)
            call_command("flush", interactive=False, verbosity=0)


@contextmanager
def _files() -> Iterator[None]:
    """What `manage.py up` collects, but for the files of the admin site, which take longest."""
    files = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    storages = {**settings.STORAGES, "staticfiles": files}
    ignored = ["admin", "rest_framework", "drf_spectacular*"]
    with (
        tempfile.TemporaryDirectory(prefix="polder-static") as folder,
        override_settings(STATIC_ROOT=Path(folder), STORAGES=storages),
    ):
        call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=ignored)
        yield


def _state(place: Place, who: Any) -> StorageState:
    if who is None:
        return {"cookies": [], "origins": []}
    cookie = signed_in(Client(), place.people[who]).cookies[settings.SESSION_COOKIE_NAME]
    return {
        "cookies": [
            {
                "name": cookie.key,
                "value": cookie.value,
                "domain": "127.0.0.1",
                "path": "/",
                "expires": -1,
                "httpOnly": True,
                "secure": False,
                "sameSite": "Lax",
            }
        ],
        "origins": [],
    }
