"""Builds `static/sprite.svg` and `static/fonts/*.woff2` from the packages that carry them.

    .venv/bin/python scripts/build_assets.py            both
    .venv/bin/python scripts/build_assets.py sprite     only the icons (after using a new one)

The results are committed, so nobody who runs Polder needs this. Sources: the `lucide` wheel (ISC)
and the `fontpkg-inter` wheel (OFL 1.1); their licence texts are copied to `static/licences/`. An
icon is in the sprite when a template or a Python module of the console names it, or when it stands
in `_ALWAYS`.
"""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import io
import re
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

BASE = Path(__file__).resolve().parent.parent
STATIC = BASE / "static"

# Named by data (events, palette, rooms) rather than by a template.
_ALWAYS = """
    activity house hourglass megaphone siren arrow-right ban bell boxes building-2
    calendar-clock chart-column-stacked check chevron-right chevrons-up-down circle-alert
    circle-check circle-x clock code copy cpu database download ellipsis eye file-text
    funnel gauge globe history info key-round keyboard layers layout-dashboard layout-grid
    link lock log-in log-out mail map-pin menu monitor moon palette pause pencil play plug
    plus receipt-euro rotate-ccw rotate-cw scroll-text search server settings settings-2
    shield shield-check sliders-horizontal square-terminal sun trash-2 triangle-alert user
    user-plus users wallet wrench x zap lightbulb ticket-percent
"""
_IN_TEMPLATES = re.compile(r"""\{%\s*icon\s+["']([a-z0-9-]+)["']""")
_IN_COMPONENTS = re.compile(r"""<c-[^>]*?\bicon=["']([a-z0-9-]+)["']""", re.S)
_IN_PYTHON = re.compile(r"""\bicon\s*[=:(]\s*["']([a-z0-9-]+)["']""")

# One file for what every page needs, two for the other alphabets of the Union's languages.
# `app.css` declares the same ranges as `unicode-range`; tests/portal/test_ui.py compares them.
RANGES = {
    "inter-latin": (
        "U+20-7E,U+A0-FF,U+131,U+152-153,U+2C6,U+2DA,U+2DC,U+2009,U+202F,U+2013-2014,U+2018-201A,"
        "U+201C-201E,U+2020-2022,U+2026,U+2030,U+2039-203A,U+20AC,U+2122,U+2190-2193,U+2197,U+2212"
    ),
    "inter-ext": "U+100-130,U+132-151,U+154-17F,U+218-21B,U+1E9E,U+20A0-20AB",
    "inter-greek-cyr": "U+370-3FF,U+400-45F",
}
WEIGHTS = (400, 700)
# Without `calt` and `case`: their letters for one place each are an eighth of the file.
FEATURES = ("kern", "liga", "ccmp", "locl", "mark", "mkmk", "tnum")


def icons_used(base: Path = BASE) -> set[str]:
    """Names of all icons that the templates and the console's modules ask for."""
    names = set(_ALWAYS.split())
    for path in base.glob("templates/**/*.html"):
        text = path.read_text(encoding="utf-8")
        names.update(_IN_TEMPLATES.findall(text), _IN_COMPONENTS.findall(text))
    for path in base.glob("portal/**/*.py"):
        names.update(_IN_PYTHON.findall(path.read_text(encoding="utf-8")))
    return names


def sprite(names: Iterable[str]) -> str:
    """One SVG with a `symbol` per icon. Raises: KeyError for a name that Lucide does not have."""
    archive = importlib.resources.files("lucide") / "lucide.zip"
    symbols = []
    with zipfile.ZipFile(io.BytesIO(archive.read_bytes())) as icons:
        for name in sorted(names):
            source = icons.read(f"{name}.svg").decode()
            body = source[source.index(">") + 1 : source.rindex("</svg>")]
            body = re.sub(r"\s*\n\s*", "", body).replace(" />", "/>")
            symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{body}</symbol>')
    joined = "\n".join(symbols)
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{joined}\n</svg>\n'


def font(ranges: str) -> bytes:
    """Inter as WOFF2: weights 400 to 700, optical size 14, only the letters of `ranges`."""
    files = importlib.resources.files("fontpkg_inter") / "files"
    source = io.BytesIO((files / "Inter[opsz,wght].ttf").read_bytes())
    face = TTFont(source, recalcTimestamp=False)
    options = subset.Options(layout_features=list(FEATURES), hinting=False)
    worker = subset.Subsetter(options)
    worker.populate(unicodes=subset.parse_unicodes(ranges))
    worker.subset(face)
    instancer.instantiateVariableFont(face, {"opsz": 14, "wght": WEIGHTS}, inplace=True)
    face.flavor = "woff2"
    out = io.BytesIO()
    face.save(out)
    return out.getvalue()


def licences() -> dict[str, str]:
    """File name → text, from the packages themselves."""
    lucide = importlib.metadata.distribution("lucide")
    text = lucide.read_text("licenses/LICENSE")
    if text is None:
        raise FileNotFoundError("the lucide package carries no licence text")
    inter = (importlib.resources.files("fontpkg_inter") / "LICENSE").read_text(encoding="utf-8")
    return {"lucide-ISC.txt": text, "inter-OFL.txt": inter}


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    sys.stdout.write(f"{path.relative_to(BASE)}  {len(content):,} bytes\n")


def main(what: list[str]) -> None:
    _write(STATIC / "sprite.svg", sprite(icons_used()).encode())
    if "sprite" not in what:
        for name, ranges in RANGES.items():
            _write(STATIC / "fonts" / f"{name}.woff2", font(ranges))
    for name, text in licences().items():
        _write(STATIC / "licences" / name, text.encode())


if __name__ == "__main__":
    main(sys.argv[1:])
