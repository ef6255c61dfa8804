"""The messages of the code and their translations: `make messages`.

Collects every text that is marked for translation in the Python code and the templates, takes new
ones over into `locale/*/LC_MESSAGES/django.po` with an empty translation, drops those that are no
longer used, and says how much of each language is done. Translations stay as they are; nothing is
guessed (no fuzzy entries), and neither line numbers nor dates make a difference.

`manage.py compilemessages` and `manage.py up` turn the files into what Django reads.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("de", "fr")
CODE = ("portal", "services", "billing")
TEMPLATES = ("templates",)
_KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
}
# Lines of a header that change by themselves, or that say nothing.
_NOISE = re.compile(
    rb'^"(POT-Creation-Date|PO-Revision-Date|Last-Translator|Language-Team|Generated-By'
    rb"|Project-Id-Version|Report-Msgid-Bugs-To|MIME-Version).*\n",
    re.MULTILINE,
)
_HEADER = """Polder in {language}.
The words to use stand in docs/translating.md. `make messages` renews this file."""
_PLACEHOLDER = re.compile(r"%\((\w+)\)[a-z]|%[a-z%]")

Found = tuple[str | tuple[str, ...], str]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of the code's messages a language has."""

    language: str
    total: int
    done: int

    @property
    def percent(self) -> float:
        return 100 * self.done / self.total if self.total else 100.0

    def __str__(self) -> str:
        return f"{self.language}: {self.done} of {self.total} messages ({self.percent:.1f} %)"


# -- what the code says ----------------------------------------------------------------------------


def collected() -> Catalog:
    """Every message of the code, with the files that use it."""
    catalog = Catalog(charset="utf-8")
    for text, place in sorted(_of_python() | _of_templates() | _of_packages(), key=str):
        catalog.add(text, locations=[(place, 0)])
    return catalog


def _of_python() -> set[Found]:
    found: set[Found] = set()
    for path in _files(CODE, ".py"):
        with path.open("rb") as source:
            found |= {(text, _place(path)) for text in _messages(source)}
    return found


def _of_templates() -> set[Found]:
    """Django itself turns a template into Python that calls `gettext`; in brackets, so that the
    indentation of what is left of the page does not matter.
    """
    from django.utils.translation.template import templatize

    found: set[Found] = set()
    for path in _files(TEMPLATES, ""):
        source = f"(\n{templatize(path.read_text())}\n)".encode()
        found |= {(text, _place(path)) for text in _messages(io.BytesIO(source))}
    return found


def _of_packages() -> set[Found]:
    """Texts of Django and django-allauth that read badly in their own translation: ours wins."""
    path = ROOT / "locale" / "packages.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return {(line, _place(path)) for line in lines if line and not line.startswith("#")}


def _messages(source: io.BufferedIOBase) -> Iterator[str | tuple[str, ...]]:
    for _line, text, _comments, _context in extract("python", source, keywords=_KEYWORDS):
        if text:
            yield text


def _files(folders: tuple[str, ...], suffix: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob(f"*{suffix}")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def _place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# -- what the languages say ------------------------------------------------------------------------


def po_path(language: str) -> Path:
    return ROOT / "locale" / language / "LC_MESSAGES" / "django.po"


def translated(language: str) -> Catalog:
    """The committed translations of a language; none where there is no file yet."""
    path = po_path(language)
    if not path.exists():
        return Catalog(locale=language, charset="utf-8")
    with path.open("rb") as source:
        return read_po(source, locale=language, charset="utf-8")


def update(language: str, template: Catalog) -> None:
    """Makes the file of `language` hold the messages of `template`, each once, in order."""
    catalog = translated(language)
    catalog.update(template, no_fuzzy_matching=True)
    catalog.header_comment = "\n".join(
        f"# {line}" for line in _HEADER.format(language=catalog.locale.english_name).splitlines()
    )
    catalog.fuzzy = False
    target = io.BytesIO()
    write_po(
        target, catalog, width=100, sort_output=True, ignore_obsolete=True, include_lineno=False
    )
    path = po_path(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_NOISE.sub(b"", target.getvalue()))


def is_done(message: Message | None) -> bool:
    """Whether every form of a message is translated, and by a person."""
    return message is not None and not message.fuzzy and all(_forms(message.string))


def coverage(language: str, template: Catalog | None = None) -> Coverage:
    wanted = [message.id for message in template or collected() if message.id]
    catalog = translated(language)
    done = sum(is_done(catalog.get(text)) for text in wanted)
    return Coverage(language, len(wanted), done)


def faults(language: str) -> list[str]:
    """What is wrong with translations that are there: placeholders, forms, spaces at the edge."""
    catalog = translated(language)
    return [
        f"{message.id!r}: {fault}"
        for message in catalog
        if message.id and any(_forms(message.string))
        for fault in _faults_of(message, catalog.num_plurals)
    ]


def _faults_of(message: Message, plurals: int) -> Iterator[str]:
    source, forms = _forms(message.id), _forms(message.string)
    if message.fuzzy:
        yield "is marked as fuzzy"
    if len(source) > 1 and (len(forms) != plurals or not all(forms)):
        yield f"needs {plurals} forms"
    wanted = _placeholders(source[-1])
    for number, form in enumerate(filter(None, forms)):
        # The form for one may say the number in a word.
        spare = {"%(n)s", "%(n)d"} if len(source) > 1 and number == 0 else set()
        found = _placeholders(form)
        if found - wanted or wanted - found - spare:
            yield f"has {sorted(found)} where the text has {sorted(wanted)}"
        for edge in (source[-1][:1], source[-1][-1:]):
            if edge == "\n" and edge not in (form[:1], form[-1:]):
                yield "begins or ends without the line break of the text"


def _placeholders(text: str) -> set[str]:
    return {found.group() for found in _PLACEHOLDER.finditer(text)}


def _forms(text: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.conf.settings")
    template = collected()
    for language in LANGUAGES:
        update(language, template)
        sys.stdout.write(f"{coverage(language, template)}\n")
        for fault in faults(language):
            sys.stdout.write(f"  {fault}\n")


if __name__ == "__main__":
    main()
