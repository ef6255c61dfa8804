"""What staff hear of usage."""

from __future__ import annotations

from django.utils.translation import gettext_noop, ngettext

from portal.notifications import kinds
from portal.notifications.kinds import Kind, Params, sentence

_PROVIDER = gettext_noop("Provider")


def _many(params: Params) -> str:
    n = int(params.get("count", 0))
    text = ngettext(
        "%(n)s running service reports no usage", "%(n)s running services report no usage", n
    )
    return text % {"n": n}


def register() -> None:
    """At start."""
    kinds.register(
        Kind(
            "usage.silent",
            sentence(gettext_noop("%(name)s runs and reports no usage")),
            sentence(
                gettext_noop(
                    "%(instance)s of %(organisation)s: nothing for two hours. It is not billed."
                )
            ),
            group=_PROVIDER,
            label=gettext_noop("A running service reports no usage for two hours"),
            icon="gauge",
            tone="warn",
            url_name="console:staff-usage",
            targeted=False,
            mail=True,
            staff=True,
        ),
        Kind(
            "usage.many_silent",
            _many,
            sentence(
                gettext_noop(
                    "Nothing was heard of them for two hours. Look whether the hourly round runs."
                )
            ),
            group=_PROVIDER,
            label=gettext_noop("Many running services report no usage for two hours"),
            icon="gauge",
            tone="bad",
            url_name="console:staff-usage",
            targeted=False,
            mail=True,
            staff=True,
        ),
    )
