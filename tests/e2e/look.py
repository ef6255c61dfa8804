"""A look at one page in a browser, from all sides: what is wrong with it, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, StorageState
from playwright.sync_api import Page as Tab

WIDE, SMALL, SMALLEST = 1280, 390, 320
SIDES = ((WIDE, "light"), (WIDE, "dark"), (SMALL, "light"))
BUDGET_BYTES, BUDGET_REQUESTS = 70_000, 10
RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }
}
# A browser notes each answer of these kinds as an error of its own.
EXPECTED = (
    *(f"status of {code}" for code in (401, 403, 404, 409, 422)),
    "Status Error Code 401",  # of htmx, when the session has ended
)
_WATCH = """document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`))"""
# Colours that are on their way from one theme to the other are those of neither.
_SETTLED = """() => new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)))
  .then(() => Promise.all(document.getAnimations().map((one) => one.finished.catch(() => 0))))"""
_axe = Axe()


@dataclass
class Look:
    """`sizes` are the bytes on the wire of each request of the first load."""

    faults: list[str] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)

    def weigh(self) -> None:
        """Adds a fault when the first load is over the budget."""
        if sum(self.sizes) > BUDGET_BYTES or len(self.sizes) > BUDGET_REQUESTS:
            self.faults.append(f"{sum(self.sizes):.0f} bytes, {len(self.sizes)} requests")


def context_of(browser: Browser, state: StorageState, **options: Any) -> BrowserContext:
    """A browser of its own, with nothing kept from before but who is signed in."""
    return browser.new_context(
        storage_state=state,
        reduced_motion="reduce",
        viewport={"width": WIDE, "height": 900},
        **options,
    )


def is_document(context: BrowserContext, url: str) -> bool:
    """Whether a page stands there, rather than a file, a fragment or a way on."""
    answer = context.request.get(url, max_redirects=0)
    kind = answer.headers.get("content-type", "")
    if answer.headers.get("content-disposition", "").startswith("attachment"):
        return False
    return kind.startswith("text/html") and "<!doctype" in answer.text()[:200].lower()


def look_at(browser: Browser, state: StorageState, url: str, picture: str = "") -> Look:
    """With `picture`, a path without ending, each side is kept as `picture-WIDTH-SCHEME.png`."""
    context = context_of(browser, state)
    try:
        return _look(context, url, picture) if is_document(context, url) else Look()
    finally:
        context.close()


def _look(context: BrowserContext, url: str, picture: str) -> Look:
    look = Look()
    tab = context.new_page()
    _listen(tab, look)
    wire = context.new_cdp_session(tab)
    wire.send("Network.enable")
    wire.on("Network.loadingFinished", lambda event: look.sizes.append(event["encodedDataLength"]))
    tab.goto(url)
    tab.evaluate("document.fonts.ready")
    tab.wait_for_timeout(50)
    first = list(look.sizes)
    tab.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    for width, scheme in SIDES:
        turn(tab, width, scheme)
        look.faults += [f"{width} px, {scheme}: {fault}" for fault in violations(tab)]
        if picture:
            tab.screenshot(path=f"{picture}-{width}-{scheme}.png", full_page=True)
    for width in (SMALL, SMALLEST):
        tab.set_viewport_size({"width": width, "height": 900})
        found = tab.evaluate("document.documentElement.scrollWidth")
        if found > width:
            look.faults.append(f"{found} px wide on a screen of {width}: {_widest(tab)}")
    look.sizes = first
    return look


def _listen(tab: Tab, look: Look) -> None:
    def note(message: Any) -> None:
        if message.type in ("error", "warning") and not any(p in message.text for p in EXPECTED):
            look.faults.append(f"{message.type}: {message.text}")

    tab.on("console", note)
    tab.on("pageerror", lambda error: look.faults.append(f"exception: {error}"))
    tab.add_init_script(_WATCH)


def turn(tab: Tab, width: int, scheme: str) -> None:
    tab.set_viewport_size({"width": width, "height": 900})
    tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]


def tour(tab: Tab, urls: Iterable[str]) -> list[str]:
    """What is wrong with pages in a state of their own, from all sides."""
    faults = []
    for url in urls:
        tab.goto(url)
        for width, scheme in SIDES:
            turn(tab, width, scheme)
            faults += [f"{url}, {width} px, {scheme}: {fault}" for fault in violations(tab)]
            if tab.evaluate("document.documentElement.scrollWidth") > width:
                faults.append(f"{url} scrolls sideways at {width} px: {_widest(tab)}")
    return faults


def violations(tab: Tab) -> list[str]:
    """What axe finds once colours and places have come to rest."""
    tab.evaluate(_SETTLED)
    found = _axe.run(tab, options=RULES).response["violations"]
    return [
        f"{rule['id']}, {len(rule['nodes'])} times: {node['html'][:160]} "
        + " ".join(node["failureSummary"].split())[:240]
        for rule in found
        for node in rule["nodes"][:2]
    ]


def _widest(tab: Tab) -> str:
    """What stands out, for the message."""
    return str(
        tab.evaluate(
            """() => [...document.querySelectorAll("main *, header *")]
              .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
              .filter((one) => !one.closest(".table-scroll"))
              .slice(0, 3).map((one) => one.outerHTML.slice(0, 120))"""
        )
    )
