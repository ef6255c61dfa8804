"""Who acts: plain data, so that every layer can carry it and the audit trail can write it down.

What an actor may do is decided in `portal.tenancy.access`, never read from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["user", "service_account", "system", "staff", "meter", "prober"]


@dataclass(frozen=True, slots=True)
class Actor:
    """`id` is a user's key as text, or the public id of a service account or of the key of a meter
    or prober; `name` is shown to people.

    `scopes` (names of permissions, None = no limit), `organisation_id` and `project_id` bound what
    a token may do; they never add to what its owner may do. `staff` is a person of the provider who
    acts as such, `user` the same person as a member of an organisation.

    While a person of the provider looks as somebody else (`portal.accounts.impersonation`), `id`
    and `name` are theirs, `user_id` and `on_behalf_of` are whose rights they use, and `scopes`
    bounds those.
    """

    kind: Kind
    id: str
    name: str = ""
    user_id: int | None = None
    service_account_id: int | None = None
    token_id: str = ""
    scopes: frozenset[str] | None = None
    organisation_id: int | None = None
    project_id: int | None = None
    is_staff: bool = False
    address: str = ""
    request_id: str = ""
    on_behalf_of: str = ""
    on_behalf_of_id: str = ""

    @property
    def is_system(self) -> bool:
        return self.kind == "system"

    @property
    def is_provider(self) -> bool:
        """Staff that acts as such, or Polder itself."""
        return self.kind in ("staff", "system")

    @property
    def is_impersonating(self) -> bool:
        return bool(self.on_behalf_of_id)


SYSTEM = Actor(kind="system", id="system", name="Polder")
