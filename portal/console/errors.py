"""Error pages of the console: what happened, what is safe, what to do, and the request id.

They stand inside the shell; where that cannot be (no session, no database, the shell itself broke)
they are a page that asks for no query. htmx gets a toast, and its target stays as it is. The API
answers for itself (`portal.api.errors`), and what a proxy may show while Polder does not answer at
all is `deploy/unavailable.html`.
"""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from portal.accounts.impersonation import looking_of
from portal.console import stash
from portal.console.page import go, own_page, wants_fragment
from portal.console.shell import theme_of
from portal.kernel.errors import NotPermitted, PortalError
from portal.kernel.refusals import note_refusal

logger = logging.getLogger("portal.console")

_DATABASE_AWAY = (OperationalError, InterfaceError)
# Under this key a session holds where somebody wanted to go who was sent to add a second factor.
AFTER_SECOND_FACTOR = "after_second_factor"
_OWN_ANSWERS = ("/api/",)
_NO_SHELL = {"brand": settings.POLDER_PROVIDER_NAME, "home": "/"}


@dataclass(frozen=True, slots=True)
class Problem:
    """What an error page says. `retry`: whether asking again can help, after so many seconds where
    `retry_after` says so.
    """

    status: int
    title: str
    text: str
    hint: str = ""
    safe: str = ""
    retry: bool = False
    retry_after: int = 0


class ErrorPages:
    """Turns the application's errors into pages, and an ended session into a way back."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == 302 and response["Location"].startswith(_login_address()):
            return _session_over(request, response)
        if response.status_code == 405 and not response.content:
            return _wrong_method(request, response)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if request.path.startswith(_OWN_ANSWERS):
            return None
        if isinstance(error, NotPermitted) and error.code == "second-factor-required":
            return _second_factor_first(request, error)
        if isinstance(error, PortalError):
            note_refusal(error, request, request.user.pk)
            return answer(request, problem_of(error))
        if isinstance(error, _DATABASE_AWAY):
            logger.error("database.away", exc_info=error)
            return answer(request, _unavailable(), shell=False)
        if isinstance(error, Http404):
            return answer(request, _not_found())
        return None


def answer(request: HttpRequest, problem: Problem, *, shell: bool = True) -> HttpResponse:
    """The page, or for htmx a toast that leaves the page as it is."""
    context = _context(request, problem)
    headers = {"Cache-Control": "no-store"}
    if problem.retry_after:
        headers["Retry-After"] = str(problem.retry_after)
    if not wants_fragment(request):
        html = _page(request, context, shell=shell)
        return HttpResponse(html, status=problem.status, headers=headers)
    headers |= {"HX-Trigger": json.dumps({"toast": _said(request, problem)}), "HX-Reswap": "none"}
    html = render_to_string("errors/fragment.html", context)
    return HttpResponse(html, status=problem.status, headers=headers)


def problem_of(error: PortalError) -> Problem:
    """The application's own words under a title of ours."""
    generic = _by_status().get(error.status)
    title = generic.title if generic else _("That did not work")
    safe = generic.safe if generic else ""
    if isinstance(error, NotPermitted):
        title = _("You may not do this")
    retry = error.status >= 500 or error.status == 429
    wait = generic.retry_after if generic else 0
    wait = math.ceil(float(error.params.get("retry_after", wait)))
    return Problem(error.status, title, error.said, error.hint, safe, retry, wait)


def _said(request: HttpRequest, problem: Problem) -> str:
    """For a toast: what happened and what to do, and what support asks for when it is our fault."""
    parts = [problem.text, problem.hint]
    if problem.status >= 500:
        parts.append(_("Request %(id)s.") % {"id": getattr(request, "id", "-")})
    return " ".join(filter(None, parts))


def _page(request: HttpRequest, context: dict[str, Any], *, shell: bool) -> str:
    """Inside the shell where it can be drawn; else the plain page."""
    if shell and hasattr(request, "user"):
        try:
            return render_to_string("errors/shell.html", context, request)
        except Exception:  # the error page must not fail itself
            logger.exception("error-page.shell-failed")
    return render_to_string("errors/plain.html", context | {"shell": _NO_SHELL})


def _context(request: HttpRequest, problem: Problem) -> dict[str, Any]:
    again = request.get_full_path() if request.method == "GET" and problem.retry else ""
    return {
        "status": problem.status,
        "title": problem.title,
        "text": problem.text,
        "hint": problem.hint,
        "safe": problem.safe,
        "retry": again,
        "request_id": getattr(request, "id", "-"),
        "theme": theme_of(request),
        "looking": looking_of(request),
    }


def _second_factor_first(request: HttpRequest, error: NotPermitted) -> HttpResponse:
    """To the page where one is added, which leads back to where somebody wanted to go."""
    messages.warning(request, f"{error.text} {error.hint}")
    here = request.get_full_path() if request.method == "GET" else ""
    if wants_fragment(request):
        here = request.headers.get("HX-Current-URL", "")
    request.session[AFTER_SECOND_FACTOR] = own_page(request, here)
    return go(request, "mfa_index")


def _wrong_method(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Somebody opened the address of a form, or sent something to a page."""
    page = answer(request, _by_status()[405])
    page["Allow"] = response["Allow"]
    return page


def _login_address() -> str:
    return resolve_url(settings.LOGIN_URL)


def _session_over(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Sign-in leads back to the page at hand, and to what was sent. The script asks for it in a
    dialog, where all stays as it was typed; a page without that dialog goes to `login`.
    """
    if request.method == "POST" and request.resolver_match:
        back = stash.keep(request)
    elif wants_fragment(request):
        back = own_page(request, request.headers.get("HX-Current-URL", ""))
    else:
        return response
    login = f"{_login_address()}?{urlencode({'next': back})}"
    if wants_fragment(request):
        said = json.dumps({"session-over": {"login": login}})
        return HttpResponse(status=401, headers={"HX-Trigger": said, "Vary": "HX-Request"})
    return HttpResponseRedirect(login)


# -- Django's own errors: named in portal.conf.urls and settings -----------------------------------


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer(request, _by_status()[400])


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer(request, _by_status()[403])


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer(request, _not_found())


def too_many_requests(request: HttpRequest) -> HttpResponse:
    return answer(request, _by_status()[429])


def server_error(request: HttpRequest) -> HttpResponse:
    """Also what fails outside a view, where `process_exception` does not reach: a session read."""
    away = isinstance(sys.exc_info()[1], _DATABASE_AWAY)
    return answer(request, _unavailable() if away else _by_status()[500], shell=not away)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form was older than the session, or came from another site. Ours, and of somebody who
    signed in meanwhile: what they typed is kept.
    """
    ours = f"{request.scheme}://{request.get_host()}"
    if request.headers.get("Origin") == ours and request.user.is_authenticated:
        return go(request, stash.keep(request))
    problem = Problem(
        403,
        _("This form is out of date"),
        _("It was opened before you signed in, or it comes from another site. Nothing was sent."),
        _("Go back, load the page again, and send the form once more."),
    )
    logger.warning("csrf.refused", extra={"reason": reason})
    return answer(request, problem, shell=False)


def _not_found() -> Problem:
    return _by_status()[404]


def _unavailable() -> Problem:
    return _by_status()[503]


def _by_status() -> dict[int, Problem]:
    """Built at each call, so that it speaks the reader's language."""
    unchanged = _("Nothing was changed.")
    problems = (
        Problem(
            400,
            _("The request could not be read"),
            _("The browser sent something that Polder does not understand."),
            _("Go back and try again. Clearing this site's cookies helps when one is broken."),
            unchanged,
        ),
        Problem(
            403,
            _("You may not see this page"),
            _("Your role does not include it."),
            _("Ask an owner or admin of the organisation."),
            unchanged,
        ),
        Problem(
            404,
            _("There is no such page"),
            _("The address is wrong, or what it showed is gone or belongs to somebody else."),
            _("Check the address, or start from the overview."),
        ),
        Problem(
            405,
            _("There is nothing to see here"),
            _("This address takes what a form sends; it is no page."),
            _("Go back to the page that you came from, or start from the overview."),
            unchanged,
        ),
        Problem(
            409,
            _("This cannot be done right now"),
            _("The state of the service changed in the meantime."),
            _("Load the page again to see it as it is."),
            unchanged,
        ),
        Problem(
            410, _("This is gone"), _("It can no longer be done."), _("Start from the overview.")
        ),
        Problem(
            412,
            _("Somebody else was faster"),
            _("It changed after you opened the page."),
            _("Load the page again and repeat what you wanted."),
            unchanged,
        ),
        Problem(
            422,
            _("This cannot be done as asked"),
            _("A value does not fit."),
            _("Go back and correct it."),
            _("Nothing has been charged."),
        ),
        Problem(
            429,
            _("Too many requests"),
            _("Too many attempts came from here in a short time."),
            _("Wait a minute, then try again."),
            unchanged,
            retry=True,
            retry_after=60,
        ),
        Problem(
            500,
            _("Something broke on our side"),
            _("Polder met an error it did not expect; it has been logged."),
            _("Try again. If it stays, tell the operator the request number."),
            _("Your services keep running, and so does your data."),
            retry=True,
        ),
        Problem(
            503,
            _("Polder does not answer right now"),
            _("The console cannot reach its database. This concerns the console only."),
            _("Try again in half a minute."),
            _("Your services keep running."),
            retry=True,
            retry_after=30,
        ),
    )
    return {problem.status: problem for problem in problems}
