"""Secrets at rest and secrets for people.

`POLDER_SECRET_KEYS` is a comma-separated list of Fernet keys, newest first: the first encrypts, all
decrypt. `manage.py rotate-keys` rewrites every stored secret with the first key.
"""

from __future__ import annotations

import hashlib
import secrets
import string
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_PASSWORD_LETTERS = string.ascii_letters + string.digits


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise ImproperlyConfigured("POLDER_SECRET_KEYS is empty: no secret can be stored.")
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(text: str) -> str:
    """Ciphertext of `text` under the newest key."""
    return _fernet(tuple(settings.POLDER_SECRET_KEYS)).encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """Raises: ImproperlyConfigured when no key of `POLDER_SECRET_KEYS` fits."""
    try:
        return _fernet(tuple(settings.POLDER_SECRET_KEYS)).decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise ImproperlyConfigured(
            "A stored secret fits none of POLDER_SECRET_KEYS. Put the key it was written with back "
            "at the end of the list."
        ) from error


def reencrypt(token: str) -> str:
    """`token` rewritten under the newest key."""
    return _fernet(tuple(settings.POLDER_SECRET_KEYS)).rotate(token.encode()).decode()


def new_key() -> str:
    return Fernet.generate_key().decode()


def new_password(length: int = 28) -> str:
    """Letters and digits only: safe unquoted in a URI, an ini file and a shell."""
    return "".join(secrets.choice(_PASSWORD_LETTERS) for _ in range(length))


def digest(text: str) -> str:
    """SHA-256, hex. For tokens of high entropy; never for passwords that people choose."""
    return hashlib.sha256(text.encode()).hexdigest()
