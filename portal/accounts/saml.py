"""SAML's way in, around django-allauth's views: it begins here, its cookie is like our others, and
what is no XML of SAML is refused in words.
"""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.providers.saml import views
from allauth.socialaccount.providers.saml.utils import get_app_or_404
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from portal.accounts.begun import begun_here

_THEIRS = "saml-acs-session"
_SECONDS = 300  # from the provider's answer to the page that reads it


def _ours() -> str:
    return f"{settings.POLDER_COOKIE_PREFIX}saml"


@csrf_exempt  # the provider's form; the answer in it is signed
def acs(request: HttpRequest, organization_slug: str) -> HttpResponse:
    """POST /accounts/saml/<provider>/acs/: keeps the answer, for the session's cookie is not sent
    with a form of another site.
    """
    answer: HttpResponse = views.acs(request, organization_slug)
    key = answer.cookies.pop(_THEIRS).value
    answer.set_cookie(
        _ours(),
        key,
        max_age=_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return answer


def finish_acs(request: HttpRequest, organization_slug: str) -> HttpResponse:
    """GET /accounts/saml/<provider>/acs/finish/"""
    request.COOKIES[_THEIRS] = request.COOKIES.get(_ours(), "")
    try:
        answer: HttpResponse = views.finish_acs(request, organization_slug)
    except (ValueError, SyntaxError) as error:  # no XML, or with a document type
        provider: Any = get_app_or_404(request, organization_slug).get_provider(request)
        answer = render_authentication_error(request, provider, exception=error)
    answer.delete_cookie(_ours(), samesite="Lax")
    return answer


urlpatterns = [
    path("<slug:organization_slug>/login/", begun_here(views.login), name="saml_login"),
    path("<slug:organization_slug>/acs/", acs, name="saml_acs"),
    path("<slug:organization_slug>/acs/finish/", finish_acs, name="saml_finish_acs"),
]
