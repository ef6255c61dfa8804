"""A made-up language in which every translated text stands in ⟦brackets⟧, so that a text which is
not translated is seen.

Only what the code marks (and what Django and django-allauth translate themselves) is bracketed: a
text that reaches `gettext` but that no tool could collect is found too.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterable, Iterator
from functools import cache
from html.parser import HTMLParser
from http import HTTPStatus
from pathlib import Path
from typing import Any

import allauth
import django
import rest_framework
from babel import Locale
from django.apps import apps
from django.conf import settings
from django.http import HttpResponse
from django.template.base import Lexer, TokenType
from django.utils.translation import trans_real

from scripts import messages
from services import registry
from tests.walk.pages import is_download

_CONTEXT = "\x04"
_MARKED = re.compile(r"⟦[^⟦⟧]*⟧")
_WORD = re.compile(r"[^\W\d_]{2,}(?:['’-][^\W\d_]+)*")
# What means the same in every language: addresses, ids, names of permissions and options, times.
_DATA = re.compile(
    r"""
      [\w.+-]+@[\w.-]+                              # mail addresses
    | (?:https?|postgres(?:ql)?|redis)://\S+        # URLs
    | (?<!\w)/[\w./{}<>-]+                         # paths
    | \b[0-9a-f]{12,}\b                            # numbers of requests, digests
    | \b[A-Z]{2}\d{2}(?:\s\d{1,4})+\b              # account numbers
    | \b[a-z]{2,4}-[0-9a-f]{8,12}\b                 # ids
    | \b(?:dev|single|ha)-\d+x\d+\b                 # plans
    | \b[a-z]+(?:[._-][a-z0-9]+)+\b                 # names of permissions, options, variables
    | \b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b             # environment variables
    | \b\d{1,2}\s(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\b  # dates, by Babel
    | \b(?:January|February|March|April|May|June|July|August|September|October|November|December)
      \s\d{4}\b
    | \b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b
    | \b\d+\s(?:minute|hour|day)s?\sago\b
    | \b(?:UTC|CET|CEST|vCPU|GiB|MiB|TiB|ms)\b
    """,
    re.VERBOSE,
)
_NAMES = set(
    re.findall(
        r"\S+",
        """
        Polder English Deutsch Français Ctrl Esc Enter RSS Atom JSON CSV YAML OpenAPI HTTP HTTPS API
        REST URI URL TLS CA GPU CPU SQL Python psql curl Debian PostgreSQL ClickHouse Airflow Spark
        Flink Trino Cassandra MySQL OpenSearch MQTT Kafka RabbitMQ NATS Memcached OpenJDK
        confluent-kafka SeaweedFS Node.js Go Java Valkey Apache
        GET POST PUT PATCH DELETE FOCUS DRAFT IBAN HTML csv html pdf parquet
        string integer number boolean object array null date date-time uri
        """,
    )
) | {status.phrase for status in HTTPStatus}
# Rows whose texts people wrote: what they say is theirs.
_WRITTEN = {
    "tenancy.Organisation": ("name",),
    "tenancy.Project": ("name",),
    "instances.Instance": ("name",),
    "regions.Region": ("name", "country", "backend"),
    "regions.QuotaRequest": ("reason",),
    "accounts.User": ("name", "email"),
    "accounts.ServiceAccount": ("name",),
    "accounts.ApiToken": ("name",),
    "console.SavedView": ("name",),
    "billing.Budget": ("name",),
    "billing.BillingIdentity": ("legal_name", "street", "city"),
    "billing.LocationProof": ("source",),
    "billing.VatIdCheck": ("number", "reason"),
    "status.Incident": ("title",),
    "status.IncidentUpdate": ("text",),
    "status.Maintenance": ("title", "text"),
    "status.Announcement": ("text",),
}
_SILENT = frozenset({"script", "style", "code", "pre", "kbd", "samp", "var"})
_DATA_CLASSES = frozenset({"mono", "avatar"})
_VOID = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "wbr"})
_SPOKEN = ("aria-label", "aria-description", "title", "placeholder", "alt", "label")
_SENTENCES = re.compile(
    r"data-(?:confirm|confirm-title|confirm-yes|copied|copy-failed|failed|go-on|hidden|hint|nothing"
    r"|offline|sure|group|ticked)"
)


def install(monkeypatch: Any) -> None:
    """From now on, and until the end of the test, Polder speaks the made-up language."""
    from portal.api import schema

    def one(self: Any, text: str) -> str:
        plain = text.rpartition(_CONTEXT)[2]
        return f"⟦{plain}⟧" if is_known(text) else plain

    def many(self: Any, singular: str, plural: str, number: float) -> str:
        form = singular if number == 1 else plural
        return f"⟦{form}⟧" if is_known(singular) else form

    monkeypatch.setattr(trans_real.DjangoTranslation, "gettext", one)
    monkeypatch.setattr(trans_real.DjangoTranslation, "ngettext", many)
    # What it keeps in memory would outlive the test.
    kept = schema._document
    monkeypatch.setattr(schema, "_document", getattr(kept, "__wrapped__", kept))


def is_known(text: str) -> bool:
    """Whether translators get to see it."""
    return text in _known()


@cache
def _known() -> frozenset[str]:
    found: set[str] = set()
    for message in messages.collected():
        found.update(messages._forms(message.id))
    for package in (django, allauth, rest_framework):
        for path in Path(package.__file__).parent.rglob("locale/de/LC_MESSAGES/django.mo"):
            with path.open("rb") as source:
                catalog = gettext.GNUTranslations(source)._catalog  # type: ignore[attr-defined]
            found.update(key if isinstance(key, str) else key[0] for key in catalog)
            found.update(key.rpartition(_CONTEXT)[2] for key in catalog if isinstance(key, str))
    return frozenset(found - {""})


def foreign_words(text: str, names: re.Pattern[str]) -> str:
    """What is left of `text` without translations, data and `names`; empty when nothing is."""
    while _MARKED.search(text):
        text = _MARKED.sub(" ", text)
    if not _WORD.search(text):
        return ""
    return " ".join(_WORD.findall(names.sub(" ", _DATA.sub(" ", text))))


def any_of(names: set[str]) -> re.Pattern[str]:
    """Finds each of `names` where it stands as a word."""
    longest_first = sorted(filter(None, names), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")


class Reader(HTMLParser):
    """Collects what a page says to eyes and ears: texts, and the attributes that are read out."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._open: list[tuple[str, bool, bool]] = []
        self._depth = 0  # of brackets: a translation may hold elements

    @property
    def _is_silent(self) -> bool:
        """What the element at hand holds is data."""
        return bool(self._open) and self._open[-1][1]

    @property
    def _is_mute(self) -> bool:
        """The same of its attributes and of all elements in it."""
        return bool(self._open) and self._open[-1][2]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        data = tag in _SILENT or _DATA_CLASSES & set(named.get("class", "").split())
        file = named.get("id") == "guide"  # there is one for each language
        mute = self._is_mute or file or named.get("translate") == "no"
        if tag not in _VOID:
            self._open.append((tag, self._is_silent or mute or bool(data), mute))
        if mute:
            return
        self.said += [named[name] for name in _SPOKEN if name in named]
        if tag == "input" and named.get("type") in ("submit", "button"):
            self.said.append(named.get("value", ""))
        if tag == "meta" and named.get("name") == "description":
            self.said.append(named.get("content", ""))
        self.said += [value for name, value in named.items() if _SENTENCES.fullmatch(name)]

    def handle_endtag(self, tag: str) -> None:
        while self._open and any(name == tag for name, _silent, _mute in self._open):
            if self._open.pop()[0] == tag:
                return

    def handle_data(self, data: str) -> None:
        """A bracket that another element closes is closed here and opened again there."""
        before = self._depth
        self._depth += data.count("⟦") - data.count("⟧")
        if not self._is_silent and data.strip():
            self.said.append("⟦" * before + data + "⟧" * self._depth)


def said_by(page: str) -> list[str]:
    reader = Reader()
    reader.feed(page)
    return reader.said


def said_by_json(value: Any, keys: frozenset[str]) -> Iterator[str]:
    """The texts under `keys`, however deep."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in keys and isinstance(inner, str):
                yield inner
            else:
                yield from said_by_json(inner, keys)
    elif isinstance(value, list):
        for inner in value:
            yield from said_by_json(inner, keys)


def skeleton(source: str) -> str:
    """A template with ⟦…⟧ where something is shown, translated or not, and nothing where it
    decides.
    """
    found, hidden = [], ""
    for token in Lexer(source).tokenize():
        name = token.contents.split(maxsplit=1)[0] if token.contents.strip() else ""
        if hidden:
            hidden = "" if name == f"end{hidden}" else hidden
        elif token.token_type == TokenType.BLOCK and name in ("blocktranslate", "comment"):
            hidden = name
            found.append("⟦⟧" if name == "blocktranslate" else "")
        elif token.token_type == TokenType.TEXT:
            found.append(token.contents)
        elif token.token_type in (TokenType.VAR, TokenType.BLOCK):
            found.append("⟦⟧")
    return "".join(found)


def said_by_answer(answer: HttpResponse) -> list[str]:
    kind = answer.headers.get("Content-Type", "")
    if not kind.startswith("text/html") or is_download(answer):
        return []
    return said_by(answer.content.decode())


def names(also: Iterable[str] = ()) -> re.Pattern[str]:
    """What is nobody's to translate: names of products, and what people wrote into rows."""
    from billing.invoices.invoicing import EVIDENCE
    from billing.models import Invoice
    from portal.api import schema
    from services.instances.models import Instance

    found = {*also, *_NAMES, settings.POLDER_PROVIDER_NAME, *schema.SCHEMAS}
    for label, fields in _WRITTEN.items():
        for row in apps.get_model(label).objects.values_list(*fields):
            found |= set(row)
    found |= {str(name) for name in Locale("en", "GB").territories.values()}
    for document in Invoice.objects.values_list("document", flat=True):
        found |= {document["seller"]["name"], document["seller"]["address"]["street"]}
        if evidence := document.get(EVIDENCE):
            found |= {evidence["vat_id"]["number"], (evidence["rate"] or {}).get("source", "")}
    for tags in Instance.objects.values_list("tags", flat=True):
        found |= {*tags, *tags.values()}
    for entry in registry.entries().values():
        o = entry.offering
        found |= {o.name, o.slug, o.symbol, o.licence}
        for parameter in o.parameters:
            found |= {parameter.name, *parameter.choices, str(parameter.default)}
    return any_of({name for name in found if name and re.search(r"[^\W\d_]{2}", name)})


Said = tuple[object, str]  # where, and what


def none_is_untranslated(said: Iterable[Said], also: Iterable[str] = ()) -> None:
    """`also`: what the test itself typed."""
    known, found = names(also), {}
    for place, text in said:
        if words := foreign_words(text, known):
            found[f"{place}: {words}  ← {' '.join(text.split())[:120]}"] = True
    assert not found, "not translated:\n" + "\n".join(found)
