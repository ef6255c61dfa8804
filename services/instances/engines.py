"""The server programs of the process backend, for staff: which are here, who needs them; fetch and
remove them. The worker of the region does it: it may be the only one who can write there.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import Count
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from portal.audit.actions import PROVIDER, record
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, NotFound, Unavailable
from portal.tenancy.oversight import require_staff
from services import registry
from services.backends.process import engines, installing
from services.backends.process.supervisor import Supervisor
from services.instances.models import Instance
from services.instances.work import queue_of
from services.regions.models import Region
from services.spec import Debian, Engine, Entry

_ASKED_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Row:
    """An engine as staff sees it. `state`: installed, installing, asked, removing, failed, absent;
    of the machine's packages: found, missing. `services` is how many instances run on it,
    `offerings` who would. `kept` = cannot be removed now.
    """

    engine: Engine
    state: str
    percent: int
    code: str
    detail: str
    offerings: tuple[str, ...]
    services: int
    kept: bool

    @property
    def busy(self) -> bool:
        return self.state in ("installing", "asked", "removing")

    @property
    def is_package(self) -> bool:
        """One of the machine's own packages: not ours to fetch or remove."""
        return isinstance(self.engine.source, Debian)


def rows(actor: Actor) -> list[Row]:
    """All engines of the catalogue, by name. One query."""
    require_staff(actor)
    counts, users = _services(), _offerings()
    needed = needed_engines(counts) | _toolchains_in_use()
    asked = _asked(list(registry.engines()))
    return [
        _row(engine, asked.get(name, ""), users.get(name, ()), counts[name], name in needed)
        for name, engine in sorted(registry.engines().items())
    ]


def row(actor: Actor, name: str) -> Row:
    """Raises: NotFound."""
    found = next((one for one in rows(actor) if one.engine.name == name), None)
    if found is None:
        raise NotFound(
            _("There is no engine “%(name)s”.") % {"name": name}, hint=_("See the list of engines.")
        )
    return found


def needed_engines(services: Counter[str]) -> set[str]:
    """Those that services or Polder itself run on, toolchains included."""
    needed = {name for name, n in services.items() if n}
    needed |= {engines.OWN_DATABASE, engines.OWN_BROKER}
    known = registry.engines()
    while more := {known[n].toolchain for n in needed if n in known} - needed - {""}:
        needed |= more
    return needed


def _toolchains_in_use() -> set[str]:
    """Those of engines that are here, whether a service runs on them or not."""
    known = registry.engines().values()
    return {engine.toolchain for engine in known if engines.state(engine.name).installed} - {""}


@transaction.atomic
def install_engine(*, actor: Actor, name: str) -> Engine:
    """Fetches an engine ahead of the first order; `rows` shows how far it is.

    Raises: NotPermitted, NotFound, Conflict, Unavailable while no worker can be told.
    """
    found = row(actor, name)
    if found.is_package:
        raise Conflict(
            _("%(engine)s comes with the machine's own packages.") % {"engine": found.engine.title},
            hint=_("Install it on the machine with apt."),
        )
    if found.state == "installed" or found.busy:
        raise Conflict(
            _("%(engine)s is here already, or on its way.") % {"engine": found.engine.title},
            hint=_("Load the page again to see how far it is."),
        )
    _tell(actor, "engine.install", name)
    return found.engine


@transaction.atomic
def remove_engine(*, actor: Actor, name: str) -> Engine:
    """Deletes an engine that nothing runs on. The next order that needs it fetches it again.

    Raises: NotPermitted, NotFound, Conflict, Unavailable while no worker can be told.
    """
    found = row(actor, name)
    if found.kept or found.is_package or found.state not in ("installed", "failed"):
        raise Conflict(
            _("%(engine)s cannot be removed now.") % {"engine": found.engine.title},
            hint=_("Services or other engines need it, or it is not here."),
        )
    _tell(actor, "engine.remove", name)
    return found.engine


def do_install(name: str) -> None:
    """The worker's side of `install_engine`."""
    engines.forget_failure(name)
    installing.begin(Supervisor(Path(settings.POLDER_HOME)), name)


def do_remove(name: str) -> None:
    """The worker's side of `remove_engine`: once more only when nothing came to run on it."""
    if name not in needed_engines(_services()):
        engines.remove(name)
    with suppress(RedisError):
        cache.delete(_key(name))


def _tell(actor: Actor, verb: str, name: str) -> None:
    """The worker reads nothing of this transaction, so it may begin before the end of it; when it
    cannot be told, nothing was done and nothing is written.
    """
    code = _region_code()
    record(actor, verb, "engine", name, chain=PROVIDER)
    send(verb, name, code)


def send(verb: str, name: str, region_code: str) -> None:
    """Raises: Unavailable."""
    from services.instances import tasks

    task = tasks.install_engine if verb == "engine.install" else tasks.remove_engine
    try:
        cache.set(_key(name), verb, _ASKED_SECONDS)
        task.apply_async(args=(name,), queue=queue_of(region_code), expires=_ASKED_SECONDS)
    except (BrokerError, RedisError, OSError) as error:
        raise Unavailable(
            _("No worker can be told at the moment."),
            hint=_("Try again when the message broker answers."),
        ) from error


def _region_code() -> str:
    """The region of this machine. Raises: Conflict where there is none."""
    rows = Region.objects.filter(backend=Region.Backend.PROCESS).order_by("pk")
    code = rows.values_list("code", flat=True).first()
    if code is None:
        raise Conflict(
            _("No region runs servers on this machine, so it needs no engines."),
            hint=_("Engines belong to regions with the process backend."),
        )
    return code


def _row(engine: Engine, asked: str, users: tuple[str, ...], services: int, kept: bool) -> Row:
    state = engines.state(engine.name)
    if isinstance(engine.source, Debian):
        word = "found" if state.installed else "missing"
    elif state.percent is not None:
        word = "installing"
    elif state.installed:
        word = "removing" if asked == "engine.remove" else "installed"
    elif asked == "engine.install" and not state.code:
        word = "asked"
    else:
        word = "failed" if state.code else "absent"
    return Row(engine, word, state.percent or 0, state.code, state.detail, users, services, kept)


def _services() -> Counter[str]:
    """How many instances run on each engine, those in the bin included. What runs in a cluster has
    none, and versions that no engine here has. One query.
    """
    counts: Counter[str] = Counter()
    here = Instance.objects.exclude(region__backend="kubernetes")
    rows = here.filter(deleted_at__isnull=True).order_by()
    counted = rows.values_list("offering", "version").annotate(n=Count("pk"))
    for offering, version, n in counted:
        process = registry.get(offering).process
        if process is not None:
            counts.update(dict.fromkeys({process.engine(version), *process.ALSO}, n))
    return counts


def _offerings() -> dict[str, tuple[str, ...]]:
    """The offerings that need each engine, by name."""
    found: dict[str, set[str]] = {}
    for entry in registry.entries().values():
        for name in _engines_of(entry):
            found.setdefault(name, set()).add(entry.offering.name)
    return {name: tuple(sorted(offerings)) for name, offerings in found.items()}


def _engines_of(entry: Entry) -> set[str]:
    names: set[str] = set()
    if entry.process is not None:
        for version in entry.offering.versions:
            with suppress(KeyError):  # a version that does not run on this backend
                names |= {entry.process.engine(version.id), *entry.process.ALSO}
    return names


def _asked(names: list[str]) -> dict[str, str]:
    """What was asked for and has not begun yet; nothing while the cache does not answer."""
    with suppress(RedisError):
        known: dict[str, str] = cache.get_many([_key(name) for name in names])
        return {name: known[_key(name)] for name in names if _key(name) in known}
    return {}


def _key(name: str) -> str:
    return f"engine-asked:{name}"
