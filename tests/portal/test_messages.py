"""The message files: whole, well formed, and read by Django."""

from __future__ import annotations

import os
import time

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo
from django.core.management import call_command

from portal.embedded import languages
from scripts import messages

# Per cent of the code's messages that a language has at least.
FLOOR = {"de": 0.0, "fr": 0.0}


@pytest.fixture(scope="module")
def template() -> Catalog:
    return messages.collected()


def test_messages_are_found_wherever_they_are_marked(template):
    places = {
        "Create %(name)s": "services/instances/texts.py",  # gettext_noop
        "Overview": "portal/console/shell.py",  # gettext_lazy
        "Relational database for almost everything": (
            "services/catalog/databases/postgresql/offering.py"
        ),
        "Skip to content": "templates/base.html",  # translate
        "from %(price)s/month": "templates/console/catalogue.html",  # inside an attribute
        "Operated under EU law by %(brand)s.": "templates/mail/base.txt",
    }
    for text, place in places.items():
        assert place in {path for path, _line in template[text].locations}, text


def test_plurals_are_found_in_code_and_templates(template):
    for text in ("%(n)d thing to fix.", "%(n)s more notice"):
        assert isinstance(template[text].id, tuple)


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_translations_keep_placeholders_and_forms(language):
    assert messages.faults(language) == []


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_coverage_does_not_fall(language, template):
    found = messages.coverage(language, template)
    assert found.percent >= FLOOR[language], found


@pytest.mark.parametrize(
    ("text", "translation", "fault"),
    [
        ("By %(who)s", "Von %(wer)s", "where the text has"),
        ("By %(who)s", "Von", "where the text has"),
        ("100 %%", "100 %", "where the text has"),
        (("%(n)d day of %(m)d", "%(n)d days of %(m)d"), ("ein Tag", "%(n)d Tage"), "where"),
        (("a day", "%(n)d days"), ("ein Tag", ""), "needs 2 forms"),
    ],
)
def test_a_bad_translation_is_named(text, translation, fault):
    found = list(messages._faults_of(Message(text, translation), plurals=2))
    assert any(fault in line for line in found)


def test_a_good_translation_is_not():
    for text, translation in (
        ("By %(who)s", "Von %(who)s"),
        (("%(n)d day", "%(n)d days"), ("ein Tag", "%(n)d Tage")),
    ):
        assert list(messages._faults_of(Message(text, translation), plurals=2)) == []


def test_new_messages_come_and_old_ones_go_and_translations_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(messages, "ROOT", tmp_path)
    messages.po_path("de").parent.mkdir(parents=True)
    messages.po_path("de").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
        'msgid "Kept"\nmsgstr "Behalten"\n\nmsgid "Gone"\nmsgstr "Fort"\n'
    )
    template = Catalog()
    template.add("Kept", locations=[("a.py", 3)])
    template.add("Kept by all", locations=[("a.py", 4)])
    messages.update("de", template)
    first = messages.po_path("de").read_bytes()
    messages.update("de", template)
    assert messages.po_path("de").read_bytes() == first
    found = messages.translated("de")
    assert {m.id: m.string for m in found if m.id} == {"Kept": "Behalten", "Kept by all": ""}
    assert b"fuzzy" not in first
    assert b"a.py\n" in first


def test_only_changed_files_are_compiled(tmp_path, settings, capsys):
    settings.LOCALE_PATHS = [tmp_path]
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
        'msgid "Day"\nmsgstr "Tag"\n\nmsgid "Night"\nmsgstr ""\n'
    )
    call_command("compilemessages")
    call_command("compilemessages")
    assert capsys.readouterr().out == "1 compiled.\n0 compiled.\n"
    with (folder / "django.mo").open("rb") as compiled:
        found = read_mo(compiled)
    assert {m.id: m.string for m in found if m.id} == {"Day": "Tag"}
    later = time.time() + 5
    os.utime(folder / "django.po", (later, later))
    assert languages.stale() == [folder / "django.po"]
