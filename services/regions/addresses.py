"""Addresses of servers, as staff fill them in."""

from __future__ import annotations

from urllib.parse import urlsplit


def is_address(text: str) -> bool:
    """Of a server alone: nothing secret can hide in it."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    host = f"{parts.hostname}:{port}" if port else parts.hostname
    return (
        parts.scheme in ("https", "http")
        and parts.netloc.lower() == host
        and not (parts.query or parts.fragment)
    )


def server_of(url: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
