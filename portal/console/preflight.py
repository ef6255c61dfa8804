"""What is checked before an order: each check with its answer, while there is still time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.kernel.formats import number
from services.instances import previews

if TYPE_CHECKING:
    from collections.abc import Mapping

    from billing.orders.ordering import Preview
    from services.regions.models import Region
    from services.regions.queries import QuotaLine
    from services.spec import Entry, Plan


_FIELDS = ("plan", "spot", "version", "region", "tags")


@dataclass(frozen=True, slots=True)
class Check:
    """`state` is ok, warn (it takes longer) or bad (it would be refused)."""

    state: str
    text: str


def checks(preview: Preview, entry: Entry, plan: Plan, version: str, region: Region) -> list[Check]:
    """The name, the settings, the quota, the region, and the server program."""
    faults = preview.faults
    wrong = [field for field in faults if field.startswith("parameters.")]
    found = [
        _check(faults.get("name"), _("The name is free")),
        *([] if not entry.offering.parameters else [_settings(len(wrong))]),
        *(Check("bad", faults[f]) for f in _FIELDS if f in faults),
        *[_short(line) for line in preview.quota if not line.enough],
    ]
    if preview.within_quota:
        found.append(Check("ok", _("The quota is large enough")))
    return [*found, _region(region), *_engine(entry, plan, version, region)]


def _check(fault: str | None, good: str) -> Check:
    return Check("bad", fault) if fault else Check("ok", good)


def _settings(wrong: int) -> Check:
    if not wrong:
        return Check("ok", _("All settings fit"))
    text = ngettext("%(n)s setting does not fit", "%(n)s settings do not fit", wrong)
    return Check("bad", text % {"n": wrong})


def _short(line: QuotaLine) -> Check:
    words: Mapping[str, str] = {
        "name": line.label,
        "wanted": number(line.wanted),
        "left": number(line.left),
    }
    return Check("bad", _("%(name)s: this takes %(wanted)s, and %(left)s is left") % words)


def _region(region: Region) -> Check:
    if region.healthy:
        return Check("ok", _("%(region)s is well") % {"region": region.name})
    text = _("%(region)s does not answer: the order waits until it does")
    return Check("warn", text % {"region": region.name})


def _engine(entry: Entry, plan: Plan, version: str, region: Region) -> list[Check]:
    wanted = previews.download_for(entry, region, plan=plan, version=version)
    if wanted is None:
        return []
    if not wanted.mib:
        return [Check("ok", _("The server program is installed"))]
    words = {"name": wanted.title, "mib": wanted.mib}
    return [Check("warn", _("%(name)s is downloaded first, %(mib)s MB") % words)]
