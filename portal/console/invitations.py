"""The page behind the link of an invitation."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from portal.accounts.adapter import INVITATION
from portal.accounts.models import User
from portal.kernel.errors import NotFound
from portal.tenancy import invitations, queries, texts
from portal.tenancy.models import Invitation


def remember(request: HttpRequest, invitation: Invitation) -> None:
    """Whoever has opened the link may sign up, and has shown that the address is theirs."""
    request.session[INVITATION] = invitation.public_id
    if not request.user.is_authenticated:
        get_adapter().stash_verified_email(request, invitation.email)


def forget(request: HttpRequest) -> None:
    request.session.pop(INVITATION, None)


def opened(request: HttpRequest) -> Invitation:
    """The invitation whose link this session opened. Raises: NotFound."""
    found = queries.opened_invitation(request.session.get(INVITATION, ""))
    if found is None:
        raise NotFound(
            _("No invitation was opened in this browser."),
            hint=_("Open the link of the mail again."),
        )
    return found


def page_of(request: HttpRequest, invitation: Invitation) -> dict[str, Any]:
    """Context of console/invitation.html."""
    user = request.user if isinstance(request.user, User) else None
    here = reverse("console:invitation-accept")
    return {
        "invitation": invitation,
        "place": invitations.place_of(invitation),
        "role": texts.role_label(invitation.role),
        "role_text": texts.role_text(invitation.role),
        "ended": invitations.end_of(invitation),
        "mine": user is not None and invitations.is_for(invitation, user),
        "has_account": user is None and queries.has_account(invitation.email),
        "sign_in": f"{reverse('account_login')}?{urlencode({'next': here})}",
        "sign_up": f"{reverse('account_signup')}?"
        f"{urlencode({'email': invitation.email, 'next': here})}",
    }
