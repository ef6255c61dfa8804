"""The standards' rule files: where they lie, and how they get there. They have licences of their
own and are never part of the checkout.

They come from Maven, exactly the locked files, each checked by SHA-256. What `TAKEN` names is laid
into `<POLDER_CACHE>/einvoice-rules-<digest>/`, whole or not at all.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import tempfile
import zipfile
from pathlib import Path

from django.conf import settings

from billing.einvoice.rulesets import UBL_SCHEMA
from services.backends.process.engines import maven
from services.backends.process.engines.store import Progress

LOCK = Path(__file__).with_name("rules.lock.json")

_SCHEMATRON, _SCHEMAS = "external/schematron/", "external/schemas/"

# Artifact: (files or folders inside, where they go).
TAKEN: dict[str, tuple[tuple[str, str], ...]] = {
    "phive-rules-en16931": (
        (f"{_SCHEMATRON}1.3.16/cii/EN16931-CII-validation.xslt", "en16931"),
        (f"{_SCHEMATRON}1.3.16/ubl/EN16931-UBL-validation.xslt", "en16931"),
    ),
    "phive-rules-xrechnung": ((f"{_SCHEMATRON}3.0.2/", "xrechnung"),),
    "phive-rules-peppol": (
        (f"{_SCHEMATRON}openpeppol/2026.5/xslt/CEN-EN16931-UBL.xslt", "peppol"),
        (f"{_SCHEMATRON}openpeppol/2026.5/xslt/PEPPOL-EN16931-UBL.xslt", "peppol"),
    ),
    "phive-rules-zugferd": (
        (f"{_SCHEMATRON}2.4/FACTUR-X_EN16931.xslt", "factur-x"),
        (f"{_SCHEMATRON}2.4/FACTUR-X_EN16931_codedb.xml", "factur-x"),
        (f"{_SCHEMAS}2.4/en16931/", "factur-x"),
    ),
    "ph-cii-d16b": ((f"{_SCHEMAS}d16b/data/standard/", "cii"),),
    "ph-ubl21": (
        (f"{_SCHEMAS}ubl21/common/", "ubl/common"),
        (f"{_SCHEMAS}ubl21/maindoc/UBL-Invoice-2.1.xsd", "ubl/maindoc"),
        (f"{_SCHEMAS}ubl21/maindoc/UBL-CreditNote-2.1.xsd", "ubl/maindoc"),
    ),
    "ph-xsds-ccts-cct-schemamodule": (("schemas/", "ubl/other"),),
    "ph-xsds-xmldsig": (("schemas/", "ubl/other"),),
    "ph-xsds-xades132": (("schemas/", "ubl/other"),),
    "ph-xsds-xades141": (("schemas/", "ubl/other"),),
}

# UBL's schemas name others without saying where they are: first read, they are known.
_OTHERS = {
    "http://www.w3.org/2000/09/xmldsig#": "other/xmldsig-core-schema.xsd",
    "http://uri.etsi.org/01903/v1.3.2#": "other/XAdES01903v132-201601.xsd",
    "http://uri.etsi.org/01903/v1.4.1#": "other/XAdES01903v141-201601.xsd",
    "urn:un:unece:uncefact:data:specification:CoreComponentTypeSchemaModule:2": (
        "other/CCTS_CCT_SchemaModule.xsd"
    ),
    "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2": "maindoc/UBL-Invoice-2.1.xsd",
    "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2": "maindoc/UBL-CreditNote-2.1.xsd",
}


def folder() -> Path:
    """Of the rules that this release judges by, installed or not."""
    digest = hashlib.sha256(LOCK.read_bytes() + repr((TAKEN, _OTHERS)).encode()).hexdigest()
    return Path(settings.POLDER_CACHE) / f"einvoice-rules-{digest[:12]}"


def is_installed() -> bool:
    return folder().is_dir()


def install(progress: Progress = lambda percent, what: None) -> Path:
    """Fetches the files unless they are there; waits for another process that does the same.

    Raises: Permanent("engine-checksum"), Temporary("engine-download"), OSError.
    """
    final = folder()
    final.parent.mkdir(parents=True, exist_ok=True)
    with (final.parent / "einvoice-rules.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not final.is_dir():
            with tempfile.TemporaryDirectory(prefix="einvoice-", dir=final.parent) as workshop:
                part = Path(workshop) / "rules"
                _fill(part, Path(workshop) / "downloads", progress)
                part.rename(final)
            _forget_older(final)
    return final


def _fill(part: Path, downloads: Path, progress: Progress) -> None:
    artifacts = json.loads(LOCK.read_text())["artifacts"]
    for coordinate, jar in maven.fetch(downloads, artifacts, progress).items():
        with zipfile.ZipFile(jar) as opened:
            for inside, target in TAKEN[coordinate.split(":")[1]]:
                _take(opened, inside, part / target)
    imports = "".join(
        f'<xsd:import namespace="{name}" schemaLocation="{place}"/>'
        for name, place in _OTHERS.items()
    )
    (part / UBL_SCHEMA).write_text(
        f'<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema">{imports}</xsd:schema>'
    )


def _take(opened: zipfile.ZipFile, inside: str, target: Path) -> None:
    """One file, or all files of a folder. Raises: KeyError where the jar has none of them."""
    names = [n for n in opened.namelist() if n == inside or Path(n).parent == Path(inside)]
    names = [n for n in names if not n.endswith("/")]
    if not names:
        raise KeyError(inside)
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        with opened.open(name) as source, (target / Path(name).name).open("wb") as file:
            shutil.copyfileobj(source, file)


def _forget_older(final: Path) -> None:
    for old in final.parent.glob("einvoice-rules-*"):
        if old != final:
            shutil.rmtree(old, ignore_errors=True)
