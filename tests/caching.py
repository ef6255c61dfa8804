"""An empty cache for one test, while others beside it keep what they counted in the same server."""

from __future__ import annotations

import uuid

from django.core.cache import caches


def forget() -> None:
    """From here on nothing is in the cache. The fixture `own_cache` puts all back at the end."""
    caches["default"].key_prefix = f"test-{uuid.uuid4().hex}"
