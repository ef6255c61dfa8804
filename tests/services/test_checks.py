"""A broken catalogue is said at start, with the folder's name."""

from types import SimpleNamespace

from services import registry
from services.checks import check_catalogue


def test_the_catalogue_is_sound():
    assert check_catalogue() == []


def test_a_broken_folder_is_named(monkeypatch):
    def broken():
        raise ValueError("databases.nope: slug 'no' does not match its folder")

    monkeypatch.setattr(registry, "entries", broken)
    assert "databases.nope" in check_catalogue()[0].msg


def test_an_engine_that_nobody_has_is_named(monkeypatch):
    process = SimpleNamespace(engine=lambda version: "no-such-engine", ALSO=())
    offering = registry.get("redis").offering
    entry = SimpleNamespace(offering=offering, process=process)
    monkeypatch.setattr(registry, "entries", lambda: {"redis": entry})
    assert "no-such-engine" in check_catalogue()[0].msg
