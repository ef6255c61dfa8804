"""No text that a person reads is left untranslated: everything in a made-up language.

A fault names the words that were not translated and where they stand. Mark them, as
docs/translating.md says; a name that is the same in every language goes into `_NAMES`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction

from portal.accounts import mail
from portal.tenancy.permissions import Role
from tests.portal.test_mail import CONTEXT
from tests.portal.test_mail import NAMES as MAILS
from tests.walk import pseudo
from tests.walk.furnish import Place, furnished
from tests.walk.pages import client_of, pages

pytestmark = pytest.mark.django_db  # the rows are those of the fixture `place`
_SHOW = ("styleguide",)  # for those who build pages; all on it is made up


@pytest.fixture(scope="module")
def place(django_db_setup: None, django_db_blocker: Any) -> Iterator[Place]:
    with pytest.MonkeyPatch.context() as patch:
        pseudo.install(patch)
        with django_db_blocker.unblock(), transaction.atomic(), furnished() as place:
            yield place
            transaction.set_rollback(True)


# -- what is shown ---------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [None, Role.OWNER, "staff"], ids=str)
def test_pages(who, place):
    """To whoever sees the most of them."""
    client, said = client_of(place, who), []
    for page in pages():
        if who in page.readers and not page.name.endswith(_SHOW):
            for headers in ({}, {"HX-Request": "true"}):
                answer = client.get(page.full_url(place), headers=headers)
                said += [(page, text) for text in pseudo.said_by_answer(answer)]
    assert len(said) > 500
    pseudo.none_is_untranslated(said)


def test_the_first_page_of_a_newcomer(place):
    said = pseudo.said_by_answer(client_of(place, "newcomer").get("/"))
    assert len(said) > 20
    pseudo.none_is_untranslated([("newcomer", text) for text in said])


def test_mails(monkeypatch):
    pseudo.install(monkeypatch)
    said: list[pseudo.Said] = []
    values = {**CONTEXT, "fact": "", "inviter": "", "role": "", "place": ""}
    for name in MAILS:
        message = mail.rendered(name, "ada@example.org", values)
        page, _kind = message.alternatives[0]
        said += [(name, text) for text in (message.subject, message.body, *pseudo.said_by(page))]
    pseudo.none_is_untranslated(said)


# -- what is written -------------------------------------------------------------------------------


def test_templates_hold_no_bare_text():
    """Also in the branches that no page above took."""
    said: list[pseudo.Said] = []
    for path in sorted((settings.BASE / "templates").rglob("*")):
        if path.is_file() and path.stem not in _SHOW:
            skeleton = pseudo.skeleton(path.read_text())
            texts = [skeleton] if path.suffix == ".txt" else pseudo.said_by(skeleton)
            said += [(path.relative_to(settings.BASE), text) for text in texts]
    pseudo.none_is_untranslated(said)


def test_code_holds_no_bare_sentence():
    """An error, a form or a notice whose words are a plain string."""
    others = {"migrations", "embedded", "management", "admin.py", "checks.py", "styleguide.py"}
    found = []
    for folder in ("portal", "services", "billing"):
        for path in sorted((settings.BASE / folder).rglob("*.py")):
            if not others & set(path.parts):
                place = path.relative_to(settings.BASE)
                found += [f"{place}: {text}" for text in bare_sentences(path)]
    assert not found, "not marked:\n" + "\n".join(found)


_ERRORS = re.compile(
    "NotFound|NotPermitted|Invalid|Conflict|StaleState|OperationOpen|PreconditionFailed|Gone"
    "|QuotaExceeded|TooManyRequests|Unavailable|PortalError|Problem|ValidationError"
)
_LEVELS = frozenset({"success", "info", "warning", "error"})
_WORDS = frozenset({"hint", "label", "help_text", "help", "empty_label", "verbose_name", "safe"})


def bare_sentences(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            for value in _shown_by(node):
                if _is_bare(value):
                    yield f"line {value.lineno}: {ast.unparse(value)}"


def _is_bare(value: ast.AST) -> bool:
    if isinstance(value, ast.JoinedStr):
        return any(re.search(r"[A-Za-z]{2}", _literal(part)) for part in value.values)
    return bool(re.search(r"[A-Za-z]{2} [a-z]|[a-z]\.$", _literal(value)))


def _literal(value: ast.AST) -> str:
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""


def _shown_by(call: ast.Call) -> Iterator[ast.expr]:
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    on = getattr(getattr(call.func, "value", None), "id", "")
    yield from (keyword.value for keyword in call.keywords if keyword.arg in _WORDS)
    if _ERRORS.fullmatch(name) or (on == "messages" and name in _LEVELS):
        for value in call.args:
            yield value
            yield from value.values if isinstance(value, ast.Dict) else ()


def test_the_looks_above_find_what_is_wrong():
    page = """
        <p title="Bad word">⟦Good <b>translated</b> words⟧ and bare <code>not code</code></p>
        <input placeholder="Type here"><button aria-label="⟦Close⟧" data-confirm="Really gone?">
        pg-7f3a9c21 · a@b.example · 12 GiB · 25 November 2026 ⟦of⟧ Polder</button>
    """
    found = [pseudo.foreign_words(t, pseudo.any_of({"Polder"})) for t in pseudo.said_by(page)]
    assert list(filter(None, found)) == ["Bad word", "and bare", "Type here", "Really gone"]
    source = '{% translate "x" %} bare {# no #}{% blocktranslate %}a{% endblocktranslate %}{{ b }}'
    assert pseudo.foreign_words(pseudo.skeleton(source), pseudo.any_of({"x"})) == "bare"


def test_sentences_in_code_are_found(tmp_path):
    source = tmp_path / "code.py"
    source.write_text(
        'raise NotFound("There is none.")\n'
        'raise Conflict(_("Fine."), hint=f"Ask {who}.")\n'
        'messages.success(request, "It is done")\n'
        'raise Invalid({"a": "Give a name."})\n'
        'raise Invalid({"a": _("Fine.")}, code="no-sentence")\n'
    )
    assert [line.partition(":")[0] for line in bare_sentences(source)] == [
        f"line {number}" for number in (1, 2, 3, 4)
    ]
