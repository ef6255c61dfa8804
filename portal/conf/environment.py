"""The process environment, read once. What is missing stops the start with the variable's name.

A copy that `manage.py up` started keeps its generated values in `<POLDER_HOME>/environment` (0600,
`NAME=value` lines); real environment variables win over that file.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

BASE = Path(__file__).resolve().parent.parent.parent
HOME = Path(os.environ.get("POLDER_HOME") or BASE / "var").absolute()
FILE = HOME / "environment"


def read_file(path: Path = FILE) -> dict[str, str]:
    """`NAME=value` lines of `path`; empty when there is no such file."""
    try:
        lines = path.read_text().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except PermissionError as error:
        raise ImproperlyConfigured(
            f"{path} belongs to another user. Run this command as the user who started Polder, "
            "or set POLDER_HOME to a directory of your own."
        ) from error
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


_VALUES = {**read_file(), **os.environ}


def text(name: str, default: str | None = None) -> str:
    """Raises: ImproperlyConfigured, with the variable's name, when it is not set and has no
    default.
    """
    value = _VALUES.get(name, default)
    if value is None:
        raise ImproperlyConfigured(
            f"{name} is not set. Start Polder with `make run`, which writes {FILE}, or set {name} "
            "yourself (docs/operating.md lists all variables)."
        )
    return value


def cache() -> Path:
    """`POLDER_CACHE`, else /var/cache/polder for root, else the user's cache; below POLDER_HOME for
    a user without a home.
    """
    usual = Path("/var/cache" if os.geteuid() == 0 else os.path.expanduser("~/.cache"))
    usable = usual if usual.is_absolute() else HOME / "cache"
    return Path(text("POLDER_CACHE", "") or usable / "polder").absolute()


def number(name: str, default: int, *, least: int | None = None) -> int:
    value = text(name, str(default))
    try:
        found = int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from error
    if least is not None and found < least:
        raise ImproperlyConfigured(f"{name} must be {least} or more, not {found}.")
    return found


def flag(name: str, default: bool = False) -> bool:
    return text(name, "1" if default else "0").lower() in ("1", "true", "yes", "on")


def debug(name: str, *, allowed: bool) -> bool:
    """Raises: ImproperlyConfigured where others could see the pages that show our inside."""
    wanted = flag(name)
    if wanted and not allowed:
        raise ImproperlyConfigured(
            f"{name} shows source and settings to whoever causes an error, so it does not go with "
            "a POLDER_URL that begins with https. Leave one of them out."
        )
    return wanted


def choice(name: str, default: str, *others: str) -> str:
    """One of the words given. Raises: ImproperlyConfigured for another one."""
    value = text(name, default).lower()
    if value not in (default, *others):
        raise ImproperlyConfigured(f"{name} must be one of {', '.join((default, *others))}.")
    return value


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def numbers(name: str, default: str) -> list[int]:
    """A comma-separated list of whole numbers."""
    try:
        return [int(word) for word in words(name, default)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must list whole numbers such as 7,14,28.") from error


def networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """A comma-separated list of addresses and networks, `10.20.0.0/16,10.30.0.7`."""
    found = []
    for word in words(name):
        try:
            found.append(ipaddress.ip_network(word))
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{name} must list networks such as 10.20.0.0/16; {word!r} is none."
            ) from error
    return found


_MAIL_SCHEMES = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


def mail_server(name: str) -> dict[str, Any]:
    """Django's settings for the SMTP server that `name` holds as an address,
    `smtp+starttls://USER:PASSWORD@HOST:PORT`; empty when it is not set.

    Schemes: `smtp` (plain, for a relay on the same machine), `smtp+starttls`, `smtps`.
    """
    value = text(name, "")
    if not value:
        return {}
    try:
        url = urlsplit(value)
        port, host = url.port, url.hostname
    except ValueError:
        host = None
    if not host or url.scheme not in _MAIL_SCHEMES:
        raise ImproperlyConfigured(
            f"{name} must look like smtp+starttls://USER:PASSWORD@HOST:PORT (or smtp, smtps)."
        )
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": host,
        "EMAIL_PORT": port or _MAIL_SCHEMES[url.scheme],
        "EMAIL_HOST_USER": unquote(url.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(url.password or ""),
        "EMAIL_USE_TLS": url.scheme == "smtp+starttls",
        "EMAIL_USE_SSL": url.scheme == "smtps",
    }
