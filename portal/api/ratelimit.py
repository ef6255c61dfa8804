"""How often a token may ask: a window of a minute, counted in the cache.

While the cache is away nobody is limited: the API must not fail with it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

_WINDOW_SECONDS = 60


@lru_cache(maxsize=1)
def client() -> Redis[bytes]:
    """The cache's server, asked directly: one round trip instead of Django's two."""
    known: dict[str, Any] = settings.CACHES["default"]
    found: Redis[bytes] = Redis.from_url(known["LOCATION"], **known["OPTIONS"])
    return found


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of the window at hand; `reset` is in seconds from now."""

    limit: int
    used: int
    reset: int

    @property
    def exceeded(self) -> bool:
        return self.used > self.limit

    @property
    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(max(self.limit - self.used, 0)),
            "RateLimit-Reset": str(self.reset),
        }


def spend(who: str) -> Allowance | None:
    """Counts one request of `who`; None while the cache does not answer."""
    now = int(time.time())
    window, passed = divmod(now, _WINDOW_SECONDS)
    key = f"polder:rate:{who}:{window}"
    try:
        used = int(client().incr(key))
        if used == 1:
            client().expire(key, _WINDOW_SECONDS * 2)
    except RedisError:
        return None
    return Allowance(settings.POLDER_API_REQUESTS_PER_MINUTE, used, _WINDOW_SECONDS - passed)
