"""Mail to people: one function, and a text and an HTML form of every mail.

A mail is three templates, `templates/mail/NAME.subject.txt`, `NAME.txt` (extends `mail/base.txt`)
and `NAME.html` (extends `mail/base.html`). Besides what the caller gives, they know `brand` (the
provider's name), `site` (the address that people use, without a slash at its end) and `to`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template import Context, engines
from django.utils import translation
from django.utils.translation import gettext as _

from portal.kernel.errors import Unavailable

logger = logging.getLogger("portal.mail")


def send(
    template: str,
    to: str,
    context: Mapping[str, Any],
    language: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    files: Sequence[tuple[str, bytes, str]] = (),
) -> None:
    """Sends the mail `template` to one address, in `language` or else that of the moment. `files`
    are attached: name, content and type.

    It is sent at once: an action passes it to `transaction.on_commit`, or a mail tells of what was
    rolled back. Nothing of a mail is logged but its name. Raises: Unavailable when the mail server
    cannot be reached or refuses.
    """
    message = rendered(template, to, context, language)
    message.extra_headers.update(headers or {})
    for file in files:
        message.attach(*file)
    try:
        message.send()
    except (OSError, SMTPException) as error:
        logger.error("mail.failed", extra={"template": template, "why": type(error).__name__})
        raise Unavailable(
            _("The mail could not be sent: the mail server does not answer or refuses it."),
            hint=_("Try again in a few minutes. If it stays, tell the operator."),
            code="mail-failed",
        ) from error
    logger.info("mail.sent", extra={"template": template})


def rendered(
    template: str, to: str, context: Mapping[str, Any], language: str = ""
) -> EmailMultiAlternatives:
    """The mail as `send` sends it."""
    known = {"brand": settings.POLDER_PROVIDER_NAME, "site": settings.POLDER_URL, "to": to}
    values = {**known, **context}
    with translation.override(language or translation.get_language()):
        subject = " ".join(_render(f"mail/{template}.subject.txt", values).split())
        message = EmailMultiAlternatives(subject, _render(f"mail/{template}.txt", values), to=[to])
        message.attach_alternative(_render(f"mail/{template}.html", values), "text/html")
    return message


def _render(name: str, values: Mapping[str, Any]) -> str:
    """Only HTML is escaped; context processors have no say, for there may be no request."""
    template = engines["django"].get_template(name).template  # type: ignore[attr-defined]  # Django's own
    text: str = template.render(Context(dict(values), autoescape=name.endswith(".html")))
    return text.strip() + "\n"
