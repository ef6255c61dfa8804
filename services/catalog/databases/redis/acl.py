"""Who may do what, in the server's own file of users. Source: Valkey 9 documentation, ACL.

The tenant's user may do everything with data and nothing with the server: `CONFIG`, `MODULE`,
`ACL`, `MIGRATE` and the like are refused.
"""

from hashlib import sha256

from services.spec import Secret

USER = "app"
_RIGHTS = "~* &* +@all -@admin -@dangerous +keys +info +flushdb +flushall +sort +client|list"


def user(password: Secret) -> str:
    """The tenant's line."""
    return f"user {USER} on #{digest(password)} {_RIGHTS}"


def superuser(name: str, password: Secret) -> str:
    return f"user {name} on #{digest(password)} ~* &* +@all"


def digest(password: Secret) -> str:
    """The server keeps SHA-256 digests only; the passwords are long and random, so that is
    enough.
    """
    return sha256(password.encode()).hexdigest()
