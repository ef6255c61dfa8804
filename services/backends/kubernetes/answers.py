"""What an API server answers, as an error of ours.

Source: Kubernetes API conventions, "API server: status codes" and "Server-Side Apply".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic.exceptions import DynamicApiError
from urllib3.exceptions import HTTPError

from portal.kernel.errors import BackendError, Permanent, Temporary

_BUSY = frozenset({429, 500, 502, 503, 504})
_OTHER_MANAGER = re.compile(r'conflicts? with "([^"]+)"')
_NOT_IN_SCHEMA = "field not declared in schema"
_REFUSED_BY_HOOK = "denied the request"
_NOT_SEEN_YET = "not found"
_MOST_DETAIL = 2000


@contextmanager
def translated() -> Iterator[None]:
    """Around every call: whatever it raises is Temporary or Permanent."""
    try:
        yield
    except BackendError:
        raise
    except DynamicApiError as error:
        raise told(error.status, str(error.body or "")) from error
    except ApiException as error:
        raise told(error.status, str(error.body or "")) from error
    except (HTTPError, OSError) as error:
        raise Temporary("region-unreachable", retry_after=5, detail=type(error).__name__) from error


def told(status: int, body: str) -> BackendError:
    """The error for an answer of the API server."""
    said = _message(body)
    if (status == 404 and "namespaces " in said) or "because it is being terminated" in said:
        return Temporary("namespace-gone", retry_after=2, detail=said)
    if "failed calling webhook" in said:
        return Temporary("webhook-away", retry_after=5, detail=said)
    if status == 409 and (other := _OTHER_MANAGER.search(said)):
        return Permanent("field-conflict", manager=other[1], detail=said)
    if status == 409:
        return Temporary("changed-meanwhile", retry_after=1, detail=said)
    if status == 403 and "exceeded quota" in said:
        return Permanent("cluster-quota", detail=said)
    if _NOT_IN_SCHEMA in said:  # the API server answers 500 for it
        return Permanent("object-refused", detail=said)
    if status == 410:
        return Temporary("version-gone", retry_after=0, detail=said)
    if _REFUSED_BY_HOOK in said and _NOT_SEEN_YET in said:
        # It looks into its own memory, which may lack what was applied a moment ago.
        return Temporary("webhook-away", retry_after=2, detail=said)
    if _REFUSED_BY_HOOK in said:  # mostly with 403, as a lack of rights is
        return Permanent("object-refused", detail=said)
    if status == 401:  # a token that ended is replaced, and the work goes on
        return Temporary("not-allowed-there", retry_after=10, detail=said)
    if status == 403:
        return Permanent("not-allowed-there", detail=said)
    if status in _BUSY:
        return Temporary("region-busy", retry_after=5, detail=said)
    return Permanent("object-refused", detail=said)


def _message(body: str) -> str:
    try:
        said = json.loads(body).get("message", "")
    except (ValueError, AttributeError):
        said = body
    return str(said)[:_MOST_DETAIL]
