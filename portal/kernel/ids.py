"""Public names. Database keys never leave the server."""

import secrets

# No vowels and no look-alikes: a generated name should be readable aloud and spell nothing.
_ALPHABET = "bcdfghjkmnpqrstvwxz23456789"


def public_id(prefix: str) -> str:
    """`prefix` and eight random hex digits, as in `pg-7f3a9c21`."""
    return f"{prefix}-{secrets.token_hex(4)}"


def long_id(prefix: str) -> str:
    """`prefix` and 24 random hex digits: for rows so many that eight digits would collide."""
    return f"{prefix}-{secrets.token_hex(12)}"


def readable_suffix(length: int = 4) -> str:
    """A short random word, for proposing a name that is free."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
