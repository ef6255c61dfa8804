"""What may be written down: no secret, and only values that the database gives back unchanged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

MASK = "…"
_SECRET_WORDS = (
    *("password", "passwd", "secret", "token", "credential", "private", "apikey"),
    "kubeconfig",
)
_SECRET_PARTS = frozenset({"key", "keys", "pin", "pass"})
_WORD = re.compile(r"[a-z]+|[A-Z]+(?![a-z])|[A-Z][a-z]+")
_URI_PASSWORD = re.compile(r"(://[^/\s:@]*):[^/\s@]+@")
_TOKEN = re.compile(r"polder_[A-Za-z0-9_-]{16,}")


def masked(values: Mapping[Any, Any]) -> dict[str, Any]:
    """`values` as plain JSON, without secrets: those under names that sound like one, passwords in
    URIs, and tokens of ours wherever they stand.
    """
    return {text(str(name)): _value(str(name), value) for name, value in values.items()}


def text(value: str) -> str:
    """`value` without secrets and without what PostgreSQL cannot hold (NUL, lone surrogates)."""
    clean = value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    return _TOKEN.sub(f"polder_{MASK}", _URI_PASSWORD.sub(rf"\1:{MASK}@", clean))


def _value(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return masked(value)
    if value and not isinstance(value, bool) and is_secret(name):
        return MASK
    if isinstance(value, list | tuple | set | frozenset):
        return [_value("", one) for one in value]
    if value is None or isinstance(value, bool | int):
        return value
    # A float or decimal would come back from jsonb written differently, and break the hash.
    return text(value.isoformat() if isinstance(value, date) else str(value))


def is_secret(name: str) -> bool:
    """Whether `name` sounds like that of a secret."""
    low = name.lower().replace("-", "").replace("_", "")
    parts = {part.lower() for part in _WORD.findall(name)}
    return any(word in low for word in _SECRET_WORDS) or bool(parts & _SECRET_PARTS)
