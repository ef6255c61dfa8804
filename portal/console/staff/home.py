"""The first page of staff: what needs a person, and how much there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.identity import queries as identities
from billing.month_end import oversight as month_end
from billing.usage import quarantine, silence
from portal.console.page import url_or_nothing
from portal.kernel.actor import Actor
from portal.status import queries as status
from portal.tenancy import oversight as customers
from services.instances import drift
from services.instances import oversight as work
from services.instances.states import Phase
from services.regions import oversight as places
from services.regions import prober_silence


@dataclass(frozen=True, slots=True)
class Task:
    """A line of what needs attention: `text` says the number. `tone` is bad, warn or info."""

    text: str
    note: str
    url: str
    tone: str


def home(actor: Actor) -> dict[str, Any]:
    """Context of console/staff/home.html."""
    states, phases = customers.counts_by_state(actor), work.counts_by_phase(actor)
    people, unconfirmed = customers.count_people(actor)
    regions = places.regions(actor)
    running = sum(work.open_operations_by_region(actor).values())
    return {
        "tasks": _tasks(actor, states, unconfirmed, regions),
        "organisations": states["active"] + states["suspended"],
        "suspended": states["suspended"],
        "people": people,
        "unconfirmed": unconfirmed,
        "services": sum(phases.values()),
        "up": phases.get(Phase.RUNNING, 0),
        "open": running,
        "phases": [(p, p.label, phases[p]) for p in Phase if p in phases],
        "regions": [(region, places.is_well(region)) for region in regions],
    }


def _tasks(
    actor: Actor, states: dict[str, int], unconfirmed: int, regions: list[Any]
) -> list[Task]:
    """The gravest first; what nobody has to do anything about is left out."""
    stuck, failed = len(work.stuck_operations(actor)), work.failed_operations(actor).count()
    ill = [region.name for region in regions if not places.is_well(region)]
    asking = len(places.pending_requests(actor))
    ailing = work.ailing_instances(actor).count()
    drifted = drift.drifted_instances(actor).count()
    incidents = len(status.open_incidents())
    unproved = identities.unconfirmed(actor).count()
    silent, odd = silence.silent_for(actor).count(), quarantine.open_conflicts(actor).count()
    unheard = [region.name for region in prober_silence.silent_regions()]
    held_up = month_end.count_held_up(actor)
    list_url = reverse("console:staff-operations")
    found = [
        (
            len(ill),
            ngettext("%(n)d region is not well", "%(n)d regions are not well", len(ill)),
            ", ".join(ill),
            reverse("console:staff-regions"),
            "bad",
        ),
        (
            stuck,
            ngettext("%(n)d operation is stuck", "%(n)d operations are stuck", stuck),
            _("Past their time, or nothing came of them lately."),
            list_url,
            "bad",
        ),
        (
            failed,
            ngettext("%(n)d operation failed", "%(n)d operations failed", failed),
            _("In the last 7 days, and nothing was done about it since."),
            f"{list_url}?show=failed",
            "warn",
        ),
        (
            ailing,
            ngettext("%(n)d service needs a look", "%(n)d services need a look", ailing),
            _("Failed, degraded, down, or left half done."),
            f"{list_url}?show=services",
            "warn",
        ),
        (
            len(unheard),
            ngettext(
                "Nothing is heard of the prober of %(n)d region",
                "Nothing is heard of the probers of %(n)d regions",
                len(unheard),
            ),
            ", ".join(unheard),
            reverse("console:staff-regions"),
            "warn",
        ),
        (
            drifted,
            ngettext(
                "%(n)d service was changed by others",
                "%(n)d services were changed by others",
                drifted,
            ),
            _("In its cluster, outside of Polder."),
            reverse("console:staff-drift"),
            "warn",
        ),
        (
            silent,
            ngettext(
                "%(n)d running service reports no usage",
                "%(n)d running services report no usage",
                silent,
            ),
            _("Nothing was heard of them for two hours, so nothing is billed."),
            reverse("console:staff-usage"),
            "bad",
        ),
        (
            odd,
            ngettext(
                "%(n)d event of usage is in quarantine",
                "%(n)d events of usage are in quarantine",
                odd,
            ),
            _("They contradict what a meter reported before."),
            reverse("console:staff-usage"),
            "warn",
        ),
        (
            asking,
            ngettext("%(n)d request for quota waits", "%(n)d requests for quota wait", asking),
            _("Approve or refuse it with an answer."),
            reverse("console:staff-requests"),
            "warn",
        ),
        (
            held_up,
            ngettext("%(n)d invoice is held up", "%(n)d invoices are held up", held_up),
            _("The page of invoice runs says why, and leads to where it is mended."),
            reverse("console:staff-invoice-runs"),
            "warn",
        ),
        (
            unproved,
            ngettext(
                "%(n)d VAT id waits to be confirmed",
                "%(n)d VAT ids wait to be confirmed",
                unproved,
            ),
            _("Until then these customers are charged VAT."),
            reverse("console:staff-billing"),
            "warn",
        ),
        (
            incidents,
            ngettext("%(n)d incident is open", "%(n)d incidents are open", incidents),
            _("Tell people how it goes on, or resolve it."),
            url_or_nothing("console:staff-incidents"),
            "warn",
        ),
        (
            states["suspended"],
            ngettext(
                "%(n)d organisation is suspended",
                "%(n)d organisations are suspended",
                states["suspended"],
            ),
            _("Their members may look and change nothing."),
            f"{reverse('console:staff-organisations')}?state=suspended",
            "info",
        ),
        (
            unconfirmed,
            ngettext(
                "%(n)d person has not confirmed an address",
                "%(n)d people have not confirmed an address",
                unconfirmed,
            ),
            _("They can ask for another mail under E-mail addresses."),
            "",
            "info",
        ),
    ]
    return [Task(text % {"n": n}, note, url, tone) for n, text, note, url, tone in found if n]
