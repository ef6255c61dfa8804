"""Guides in other languages say the same as the English one, and show the same code."""

import re

import pytest

from scripts.messages import LANGUAGES
from services import registry

FOLDERS = [entry.folder for entry in registry.entries().values()]
GUIDES = [folder for folder in FOLDERS if (folder / "guide.md").exists()]
_CODE = re.compile(r"^```(?s:.*?)^```$|^ {4}.*$", re.MULTILINE)
_SHAPE = re.compile(r"^(#+ |- )", re.MULTILINE)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("folder", GUIDES, ids=lambda folder: folder.name)
def test_a_guide_is_there_in_each_language(folder, language):
    english = (folder / "guide.md").read_text()
    other = (folder / f"guide.{language}.md").read_text()
    assert _CODE.findall(other) == _CODE.findall(english) != []
    assert _SHAPE.findall(other) == _SHAPE.findall(english) != []
    assert set(re.findall(r"`([a-z-]+)`", other)) == set(re.findall(r"`([a-z-]+)`", english))


def test_every_offering_has_a_guide():
    assert len(GUIDES) == len(FOLDERS)
