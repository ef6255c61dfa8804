"""How to connect to a service: address, login, and the same for the client at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portal.kernel.errors import BackendError
from services import snippets
from services.instances import credentials
from services.instances.endpoints import purpose
from services.instances.specs import entry_of
from services.spec import Credentials, Endpoint

if TYPE_CHECKING:
    from services.instances.models import Instance

CONNECTABLE = ("running", "updating", "paused", "pausing", "resuming")


def connection(
    instance: Instance, shown: Credentials | None = None, client: str = ""
) -> dict[str, Any]:
    """The connection card: `shown` is what was revealed, else dots stand for secrets. `client` is
    the title of the snippet to show.
    """
    if instance.phase not in CONNECTABLE:
        return {"connection": None}
    try:
        found = shown or credentials.masked_credentials(instance)
    except BackendError:
        return {"connection": None, "away": True}
    return {
        "connection": found,
        "revealed": shown is not None,
        "environment": "\n".join(f"{name}={value}" for name, value in found.env.items()),
        "endpoints": [(e, purpose(e["name"], e["protocol"])) for e in instance.endpoints],
        **_client(instance, found, client),
    }


def _client(instance: Instance, found: Credentials, wanted: str) -> dict[str, Any]:
    """The snippets' titles, and one of them with its words filled in."""
    known = entry_of(instance).snippets
    chosen = next((s for s in known if s.title == wanted), known[0] if known else None)
    endpoints = [Endpoint(**endpoint) for endpoint in instance.endpoints]
    words = snippets.words_of(found, endpoints)
    return {
        "clients": [snippet.title for snippet in known],
        "client": chosen,
        "client_code": snippets.fill(chosen, words) if chosen else "",
        "ca_file": snippets.CA_FILE,
    }
