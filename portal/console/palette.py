"""Everything that somebody can go to or do from here: the source of the command palette."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.console.queries import views_for
from portal.console.shell import Shell
from portal.kernel.actor import Actor
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services import registry
from services.instances import queries

if TYPE_CHECKING:
    from portal.tenancy.models import Project
    from services.instances.models import Instance

_MOST_SERVICES = 200
_MOST_WITH_ACTS = 40


@dataclass(frozen=True, slots=True)
class Item:
    """A link, or with `sent` a form that is sent to `url`, `harmless` if it needs no CSRF token.
    `hint` is searched too.
    """

    group: str
    label: str
    url: str
    icon: str
    hint: str = ""
    sent: Mapping[str, str] = field(default_factory=dict)
    is_post: bool = False
    harmless: bool = False


def groups(
    actor: Actor, project: Project | None, shell: Shell, query: str = ""
) -> list[tuple[str, list[Item]]]:
    """The items that hold all words of `query`, by group."""
    words = query.lower().split()
    found = [
        item
        for item in _items(actor, project, shell)
        if all(word in f"{item.label} {item.hint}".lower() for word in words)
    ]
    return [(group, list(items)) for group, items in groupby(found, key=lambda item: item.group)]


def _items(actor: Actor, project: Project | None, shell: Shell) -> Iterator[Item]:
    held = access.permissions_in(actor, project) if project else frozenset()
    rows: list[Instance] = []
    if project and Permission.INSTANCE_VIEW in held:
        rows = list(queries.instances_for(actor, project=project.slug)[:_MOST_SERVICES])
    for row in rows:
        hint = f"{registry.get(row.offering).offering.name} · {row.get_phase_display()}"
        url = reverse("console:service", args=[row.public_id])
        yield Item(_("Services"), row.name, url, "layers", hint)
    yield from _places(actor, project, shell)
    if Permission.INSTANCE_UPDATE in held:
        for row in rows[:_MOST_WITH_ACTS]:
            yield from _acts(row, Permission.INSTANCE_DELETE in held)
    if Permission.INSTANCE_CREATE in held:
        yield from _orders()
    yield from _switches(project, shell)


# Pages without a room of their own in the side bar.
_P = Permission
# Places beside the rooms, each with the right that opens it.
_CORNERS = (
    ("console:bin", gettext_lazy("Bin"), "trash-2", _P.INSTANCE_VIEW),
    ("console:roles", gettext_lazy("What each role may do"), "shield", _P.PROJECT_VIEW),
    ("console:quotas", gettext_lazy("Quotas"), "gauge", _P.PROJECT_VIEW),
    ("console:webhooks", gettext_lazy("Webhooks"), "plug", _P.PROJECT_UPDATE),
)


def _places(actor: Actor, project: Project | None, shell: Shell) -> Iterator[Item]:
    group, home = _("Go to"), reverse("console:services")
    for _name, links in shell.nav:
        for link in links:
            yield Item(group, str(link.room.label), link.url, link.room.icon)
    for view in views_for(actor, project) if project else ():
        yield Item(group, view.name, f"{home}?{view.query}", "funnel", _("Saved view"))
    for name, text, icon, right in _CORNERS:
        if right in shell.held:
            yield Item(group, str(text), reverse(name), icon)
    yield Item(group, _("Keyboard"), reverse("console:keyboard"), "keyboard", _("Shortcuts"))


def _acts(row: Instance, may_delete: bool) -> Iterator[Item]:
    """What can be done to a service in its phase; each leads to the page that asks first."""
    group, name = _("Do"), {"name": row.name}

    def item(text: str, view: str, icon: str, *, is_post: bool = False) -> Item:
        url = reverse(f"console:{view}", args=[row.public_id])
        return Item(group, text % name, url, icon, row.public_id, is_post=is_post)

    if row.phase == "running":
        yield item(_("Connect to %(name)s"), "service-connection", "plug")
        yield item(_("Resize %(name)s"), "service-settings", "settings-2")
        yield item(_("Pause %(name)s"), "service-pause", "pause")
        yield item(_("Change the password of %(name)s"), "service-rotate", "key-round")
    elif row.phase == "paused":
        yield item(_("Resume %(name)s"), "service-resume", "play", is_post=True)
    elif row.phase == "in_bin":
        yield item(_("Bring %(name)s back"), "service-undelete", "rotate-ccw", is_post=True)
    if may_delete and row.phase in ("running", "paused", "failed"):
        yield item(_("Delete %(name)s"), "service-delete", "trash-2")


def _orders() -> Iterator[Item]:
    for entry in registry.catalogue():
        o = entry.offering
        text = _("Order %(name)s") % {"name": o.name}
        yield Item(_("Order"), text, reverse("console:order", args=[o.slug]), "plus", _(o.summary))


def _switches(project: Project | None, shell: Shell) -> Iterator[Item]:
    group = _("Switch")
    if Permission.MEMBER_MANAGE in shell.held:
        yield Item(group, _("Invite somebody"), reverse("console:invite"), "user-plus")
    for one in shell.projects:
        if project is None or one.pk != project.pk:
            text = _("Work in %(project)s") % {"project": one.name}
            sent = {"project": one.slug}
            url = reverse("console:scope")
            yield Item(group, text, url, "boxes", one.organisation.name, sent, is_post=True)
    themes = (
        ("light", _("Light theme"), "sun"),
        ("dark", _("Dark theme"), "moon"),
        ("system", _("Theme of the system"), "monitor"),
    )
    for value, text, icon in themes:
        sent, url = {"theme": value}, reverse("console:theme")
        yield Item(group, text, url, icon, "", sent, is_post=True, harmless=True)
