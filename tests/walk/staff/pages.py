"""Addresses of staff pages, and the looks that they leave behind."""

from __future__ import annotations

from django.urls import reverse

from portal.audit.queries import events_for


def url(name: str, *args: str) -> str:
    return reverse(f"console:staff{name}", args=args)


def looks(chain: str = "dike") -> list[tuple[str, dict[str, str]]]:
    rows = events_for(chain, verb="staff.view").order_by("sequence")
    return [(row.actor_name, row.after) for row in rows]
