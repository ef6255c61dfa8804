"""Steps that flows share."""

from __future__ import annotations

from playwright.sync_api import Page


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))
