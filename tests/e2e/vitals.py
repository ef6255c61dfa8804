"""How a first load feels on a slow machine and a slow line: when the largest part is there, and how
much jumps meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Browser, StorageState

from tests.e2e.look import context_of

SLOWER = 4
BITS_A_SECOND = 1_600_000
LATENCY_MS = 150  # of each request, as a phone's network has it
_WATCH = """(() => {
  window.vitals = { lcp: 0, cls: 0 };
  const watch = (type, take) => new PerformanceObserver((list) => list.getEntries().forEach(take))
    .observe({ type, buffered: true });
  watch("largest-contentful-paint", (one) => { window.vitals.lcp = one.startTime; });
  watch("layout-shift", (one) => { if (!one.hadRecentInput) window.vitals.cls += one.value; });
})()"""


@dataclass(frozen=True)
class Vitals:
    """Largest contentful paint in seconds; cumulative layout shift."""

    lcp: float
    cls: float


def vitals_of(browser: Browser, state: StorageState, url: str) -> Vitals:
    """Of a first load with nothing kept from before."""
    context = context_of(browser, state)
    try:
        tab = context.new_page()
        tab.add_init_script(_WATCH)
        wire = context.new_cdp_session(tab)
        wire.send("Network.enable")
        line = {"offline": False, "latency": LATENCY_MS}
        speed = BITS_A_SECOND / 8
        limits = {**line, "downloadThroughput": speed, "uploadThroughput": speed}
        wire.send("Network.emulateNetworkConditions", limits)
        wire.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        tab.goto(url, wait_until="networkidle")
        tab.evaluate("document.fonts.ready")
        tab.wait_for_timeout(200)
        found = tab.evaluate("window.vitals")
        return Vitals(found["lcp"] / 1000, found["cls"])
    finally:
        context.close()
