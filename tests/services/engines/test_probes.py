"""Probes against the real servers: those that serve, those that hang, those that are gone."""

import asyncio
import os
import signal

import psutil
import pytest

from services import registry
from services.probes.asking import Names, State, ask, question

SLUGS = sorted(slug for slug, entry in registry.entries().items() if entry.process is not None)


def probe(handle, endpoints, seconds=60.0):
    asked = question(handle.entry.offering.probe, endpoints, outside=False)
    return asyncio.run(ask(asked, Names(), seconds=seconds))


def tree(handle):
    """Every process of the instance."""
    parent = psutil.Process(handle.backend.supervisor.state(handle.spec.name).pid)
    return [parent.pid, *(child.pid for child in parent.children(recursive=True))]


def tell(pids, number):
    for pid in pids:
        os.kill(pid, number)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_server_is_up_hangs_and_comes_back(run_offering, slug):
    handle = run_offering(slug)
    endpoints = handle.observe().endpoints
    first = [probe(handle, endpoints) for _ in range(5)]
    assert {verdict.state for verdict in first} == {State.UP}
    print(slug, sorted(verdict.micros for verdict in first))
    pids = tree(handle)
    tell(pids, signal.SIGSTOP)
    try:
        hung = probe(handle, endpoints, seconds=1.0)
    finally:
        tell(pids, signal.SIGCONT)
    assert (hung.state, hung.why) == (State.DOWN, "no-answer")
    assert probe(handle, endpoints).state == State.UP
    handle.pause()
    gone = probe(handle, endpoints)
    assert (gone.state, gone.why) == (State.DOWN, "refused")
