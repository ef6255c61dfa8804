"""How clients connect: the `connect.toml` of an offering's folder, and its words filled in.

    [[snippet]]
    title = "psql"
    install = "apt install postgresql-client"      # may be left out
    text = '''psql "host={{host}} port={{port}} …"'''

Secrets never stand in a snippet: it reads them from the variables of `Credentials.env`, so that it
can be shown and copied without a look at the password.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from services.spec import Credentials, Endpoint, Snippet

FILE = "connect.toml"
CA_FILE = "polder-ca.pem"
_WORD = re.compile(r"\{\{([a-z0-9_.-]+)\}\}")


def read(folder: Path) -> tuple[Snippet, ...]:
    """The snippets of an offering; none without the file. Raises: ValueError on a fault in it."""
    path = folder / FILE
    if not path.exists():
        return ()
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["snippet"]
        return tuple(
            Snippet(row["title"], row["text"].strip("\n"), row.get("install", "")) for row in rows
        )
    except (tomllib.TOMLDecodeError, KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"{path}: {error!r}") from error


def words_of(credentials: Credentials, endpoints: Iterable[Endpoint]) -> dict[str, str]:
    """What a snippet may name: the login without its secret, and each endpoint by its name."""
    words = {
        "host": credentials.host,
        "port": str(credentials.port),
        "username": credentials.username,
        "database": credentials.database,
        "ca": CA_FILE,
    }
    for endpoint in endpoints:
        words[f"{endpoint.name}.host"] = endpoint.host
        words[f"{endpoint.name}.port"] = str(endpoint.port)
    return words


def words_in(snippet: Snippet) -> set[str]:
    """The words that a snippet names."""
    return set(_WORD.findall(snippet.text))


def verify_tls(known: Iterable[Snippet]) -> bool:
    """Whether clients verify the server: so do all or none (a contract test)."""
    return any("ca" in words_in(snippet) for snippet in known)


def fill(snippet: Snippet, words: Mapping[str, str]) -> str:
    """The text for one service. A word that nobody knows stays as it is, so that it is seen."""
    return _WORD.sub(lambda found: words.get(found[1], found[0]), snippet.text)
