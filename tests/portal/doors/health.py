"""Whether Polder itself is well."""

from tests.portal.doors import PUBLIC, Door

DOORS = [Door("healthz", "GET", PUBLIC), Door("readyz", "GET", PUBLIC)]
