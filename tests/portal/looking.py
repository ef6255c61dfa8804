"""How tests let staff look as a person of a tenant."""

from __future__ import annotations

from django.test import Client
from django.urls import reverse

from portal.accounts.models import User

REASON = "Ticket 4711: cannot see the invoice"
MORE = "Ticket 4711: Ilse asked us to rename it"


def address_of(user: User) -> str:
    return reverse("console:staff-look", args=[user.memberships.get().public_id])


def look(client: Client, user: User, *, changes: bool = False) -> Client:
    """`client`, looking as `user`."""
    assert client.post(address_of(user), {"reason": REASON})["Location"] == "/"
    if changes:
        where = reverse("console:looking-changes")
        assert client.post(where, {"reason": MORE})["Location"] == "/"
    return client
