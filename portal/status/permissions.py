"""Who may speak for the provider."""

from __future__ import annotations

from django.utils.translation import gettext as _

from portal.kernel.actor import Actor
from portal.kernel.errors import NotPermitted


def require_staff(actor: Actor) -> None:
    """Raises: NotPermitted unless staff acts as such, or Polder itself."""
    if not actor.is_provider:
        raise NotPermitted(
            _("Only the provider's staff may write on the status page."),
            hint=_("Tell the provider's support what you see."),
        )
