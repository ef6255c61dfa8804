"""Passwords that whoever attacks this very service would try first."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

# What must be left of a password once the words that everybody here knows are taken out.
_LEFT = 8
_WORDS = ("polder", "password", "passwort", "motdepasse", "cloud", "admin", "welcome")


def known_words() -> set[str]:
    """The product's and the provider's names, and words that stand for them; lower case."""
    return {*_WORDS, *settings.POLDER_PROVIDER_NAME.lower().split()}


class KnownWordsValidator:
    """Refuses passwords that are little more than words which everybody here knows."""

    def validate(self, password: str, user: object = None) -> None:
        left = password.lower()
        for word in sorted(known_words(), key=len, reverse=True):
            left = left.replace(word, "")
        if len(left) < min(_LEFT, len(password)):
            raise ValidationError(self.get_help_text(), code="password_known_words")

    def get_help_text(self) -> str:
        return _("Take more than the names of this service and words such as “password”.")
