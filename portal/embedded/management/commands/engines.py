"""`manage.py engines list | install NAME… | remove NAME… | prune | lock NAME…`: server programs of
the process backend.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.embedded import broker, database
from portal.kernel.errors import BackendError
from services import registry
from services.backends.process import engines
from services.backends.process.engines import maven
from services.instances.specs import engines_in_use
from services.instances.texts import error_text
from services.spec import Debian, Engine, Maven, Wheel


class Command(BaseCommand):
    help = (
        "Lists, installs, removes and (for developers) locks the server programs of the process "
        "backend; prune removes those that no service runs on. Locking a wheel needs `uv` beside "
        "Python."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["list", "install", "remove", "prune", "lock"])
        parser.add_argument("names", nargs="*", metavar="NAME")

    def handle(self, *, what: str, names: list[str], **_: Any) -> None:
        unknown = [n for n in names if n not in registry.engines()]
        if unknown:
            raise CommandError(f"There is no engine {unknown[0]!r}. `engines list` shows all.")
        alone = {"list": self._list, "prune": self._prune}
        if what in alone:
            if names:
                raise CommandError(f"`engines {what}` takes no names.")
            alone[what]()
            return
        if not names:
            raise CommandError(f"Name at least one engine to {what}. `engines list` shows all.")
        do = {"install": self._install, "remove": self._remove, "lock": self._lock}[what]
        for name in names:
            try:
                do(registry.engine(name))
            except BackendError as error:
                text, hint = error_text(error.code, error.params)
                title = registry.engine(name).title
                said = " ".join(filter(None, (text, hint, error.detail)))
                raise CommandError(f"{title}: {said}") from error

    def _list(self) -> None:
        for name, engine in sorted(registry.engines().items()):
            state = engines.state(name)
            word = "installed" if state.installed else state.detail or f"{engine.download_mib} MB"
            self.stdout.write(f"{name:20} {engine.title:32} {engine.licence:24} {word}")

    def _install(self, engine: Engine) -> None:
        last = -10

        def show(percent: int, what: str) -> None:
            nonlocal last
            if percent >= last + 10:
                last = percent - percent % 10
                self.stdout.write(f"{engine.title}: {what} {percent} %")
                self.stdout.flush()

        engines.install(engine.name, progress=show)
        self.stdout.write(f"{engine.title}: installed.")

    def _remove(self, engine: Engine) -> None:
        if isinstance(engine.source, Debian):
            raise CommandError(
                f"{engine.title} belongs to the Debian package {engine.source.package}; "
                "remove that with apt."
            )
        gone = engines.remove(engine.name)
        self.stdout.write(f"{engine.title}: {'removed' if gone else 'was not installed'}.")

    def _prune(self) -> None:
        gone = engines.remove_unused(engines_in_use() | {database.ENGINE, broker.ENGINE})
        self.stdout.write(f"Removed: {', '.join(gone)}." if gone else "Every engine is in use.")

    def _lock(self, engine: Engine) -> None:
        match engine.source:
            case Maven(lock=lock):
                roots = json.loads(lock.read_text())["roots"]
                found = {"schema": 1, "roots": roots, "artifacts": maven.lock(roots)}
                lock.write_text(json.dumps(found, indent=1) + "\n")
            case Wheel(lock=lock):
                options = ["--universal", "--python-version", "3.11", "--generate-hashes"]
                quiet = ["--no-emit-index-url", "--no-annotate", "--no-header", "-q"]
                roots = str(lock.with_suffix(".in"))
                subprocess.run(
                    [_uv(), "pip", "compile", *options, *quiet, roots, "-o", str(lock)], check=True
                )
            case Debian():
                raise CommandError("A Debian engine has no lock: the machine's packages rule.")


def _uv() -> str:
    """Raises: CommandError when it is not there."""
    found = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if found is None:
        raise CommandError("Locking a wheel engine needs uv: pip install uv, then try again.")
    return found
