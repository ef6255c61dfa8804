"""Markdown of guides as HTML: no HTML of their own, headings below the page's, code to copy."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from functools import lru_cache
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

_SHIFT = 1  # a guide's sections begin at h2; the page has the card's title there
_DEEPEST = 6


def guide(text: str) -> SafeString:
    """The text without its first heading, which repeats the name of the page."""
    return _render(text, get_language() or "")


@lru_cache(maxsize=128)
def _render(text: str, _language: str) -> SafeString:
    tokens = _parser().parse(text)
    if tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        tokens = tokens[3:]
    renderer = _Guide()
    html = renderer.render(tokens, _parser().options, {})
    return mark_safe(html)  # noqa: S308 - HTML is switched off in the parser, the rest is escaped


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


class _Guide(RendererHTML):
    """Code with a copy button, and headings one level down."""

    def __init__(self) -> None:
        super().__init__()
        self._examples = 0

    def fence(
        self, tokens: Sequence[Token], idx: int, options: Any, env: MutableMapping[str, Any]
    ) -> str:
        return self._code(tokens[idx].content)

    def code_block(
        self, tokens: Sequence[Token], idx: int, options: Any, env: MutableMapping[str, Any]
    ) -> str:
        return self._code(tokens[idx].content)

    def heading_open(
        self, tokens: Sequence[Token], idx: int, options: Any, env: MutableMapping[str, Any]
    ) -> str:
        return f"<{_lower(tokens[idx].tag)}>"

    def heading_close(
        self, tokens: Sequence[Token], idx: int, options: Any, env: MutableMapping[str, Any]
    ) -> str:
        return f"</{_lower(tokens[idx].tag)}>\n"

    def _code(self, text: str) -> str:
        """The code component; each has a name of its own, as regions must."""
        self._examples += 1
        label = _("Example %(n)s") % {"n": self._examples}
        context = {"text": text.rstrip("\n"), "label": label}
        return render_to_string("console/_example.html", context)


def _lower(tag: str) -> str:
    return f"h{min(int(tag[1:]) + _SHIFT, _DEEPEST)}"
