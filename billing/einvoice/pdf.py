"""The PDF of a document, with its Factur-X XML inside: PDF/A-3A and PDF/UA-1, the same bytes each
time.

Source: Factur-X 1.0.8, chapter 6 (attachment and XMP); ISO 19005-3; ISO 14289-1. typst 0.15 writes
both standards but no foreign XMP, which is put into its packet as text.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import fontpkg_inter
import pikepdf
import typst

from billing.einvoice.document import Document
from billing.einvoice.pages import Page, page_of, without

ATTACHMENT = "factur-x.xml"
STANDARDS = ("a-3a", "ua-1")
_TEMPLATE = Path(__file__).with_name("invoice.typ")
_FONTS = Path(fontpkg_inter.__file__).parent / "files"
# Each try takes out what the one before could not show; what fails then has another reason.
_TRIES = 3
_UNKNOWN = re.compile(r"the text `(\".+?\")` could not be displayed")
_ESCAPE = re.compile(r"\\u\{([0-9a-f]+)\}")

_NAMESPACE = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
_BAG_END, _RDF_END = "</rdf:Bag></pdfaExtension:schemas>", "</rdf:RDF>"
# All four are text. DocumentType is INVOICE for credit notes, too.
_PROPERTIES = {
    "DocumentFileName": (ATTACHMENT, "name of the embedded XML invoice file"),
    "DocumentType": ("INVOICE", "INVOICE"),
    "Version": ("1.0", "version of the Factur-X data"),
    "ConformanceLevel": ("EN 16931", "conformance level of the Factur-X data"),
}


# Its stubs know no set of files.
_compile: Any = typst.compile


def facturx_pdf(document: Document, xml: bytes) -> bytes:
    """`xml` is the judged one of the profile Factur-X; it is attached byte for byte.

    Raises: typst.TypstError.
    """
    return with_metadata(typeset(page_of(document), xml))


def typeset(page: Page, xml: bytes) -> bytes:
    """Characters that our fonts do not have become `?`; the XML keeps them."""
    unknown: frozenset[str] = frozenset()
    for _ in range(_TRIES):
        try:
            return _compiled(_cleaned(asdict(page), unknown), xml)
        except typst.TypstError as error:
            found = _unknown(error)
            if not found - unknown:
                raise
            unknown |= found
    return _compiled(_cleaned(asdict(page), unknown), xml)


def _compiled(page: dict[str, Any], xml: bytes) -> bytes:
    year, month, day = page["issued"]
    files = {
        "main.typ": _template(),
        "page.json": json.dumps(page).encode(),
        ATTACHMENT: xml,
    }
    made = _compile(
        files,
        font_paths=[str(_FONTS)],
        ignore_system_fonts=True,
        format="pdf",
        pdf_standards=list(STANDARDS),
        timestamp=int(datetime(year, month, day, tzinfo=UTC).timestamp()),
    )
    return bytes(made)


@cache
def _template() -> bytes:
    return _TEMPLATE.read_bytes()


def _unknown(error: Any) -> frozenset[str]:
    """What typst could not show, as it quotes it."""
    quoted = _UNKNOWN.findall(error.diagnostic)
    texts = (_ESCAPE.sub(lambda m: chr(int(m[1], 16)), text[1:-1]) for text in quoted)
    return frozenset(c for text in texts for c in text)


def _cleaned(value: Any, unknown: frozenset[str]) -> Any:
    """All texts within, lists and pairs as they were."""
    if isinstance(value, str):
        return without(value, unknown)
    if isinstance(value, dict):
        return {key: _cleaned(inner, unknown) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(inner, unknown) for inner in value]
    return value


# -- XMP -------------------------------------------------------------------------------------------


def with_metadata(pdf: bytes) -> bytes:
    """What says that the attachment is the invoice. The description of its properties goes into the
    bag that is there: a second one would make the packet unreadable.
    """

    def change(opened: pikepdf.Pdf) -> None:
        packet = opened.Root.Metadata.read_bytes().decode()
        if packet.count(_BAG_END) != 1 or packet.count(_RDF_END) != 1:
            raise ValueError("typst writes its XMP packet in another way than 0.15 did")
        packet = packet.replace(_BAG_END, _schema() + _BAG_END)
        packet = packet.replace(_RDF_END, _description() + _RDF_END)
        opened.Root.Metadata = opened.make_stream(
            packet.encode(), Type=pikepdf.Name.Metadata, Subtype=pikepdf.Name.XML
        )

    return rewritten(pdf, change)


def rewritten(pdf: bytes, change: Callable[[Any], None]) -> bytes:
    """Object streams shrink tagged files to a quarter; the packet is left as it is."""
    target = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        change(opened)
        opened.save(
            target,
            deterministic_id=True,
            fix_metadata_version=False,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
        )
    return target.getvalue()


def _description() -> str:
    values = "".join(f"<fx:{k}>{value}</fx:{k}>" for k, (value, _) in _PROPERTIES.items())
    return f'<rdf:Description rdf:about="" xmlns:fx="{_NAMESPACE}">{values}</rdf:Description>'


def _schema() -> str:
    properties = "".join(
        '<rdf:li rdf:parseType="Resource">'
        f"<pdfaProperty:name>{name}</pdfaProperty:name>"
        "<pdfaProperty:valueType>Text</pdfaProperty:valueType>"
        "<pdfaProperty:category>external</pdfaProperty:category>"
        f"<pdfaProperty:description>{text}</pdfaProperty:description></rdf:li>"
        for name, (_, text) in _PROPERTIES.items()
    )
    return (
        '<rdf:li rdf:parseType="Resource">'
        "<pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>"
        f"<pdfaSchema:namespaceURI>{_NAMESPACE}</pdfaSchema:namespaceURI>"
        "<pdfaSchema:prefix>fx</pdfaSchema:prefix>"
        f"<pdfaSchema:property><rdf:Seq>{properties}</rdf:Seq></pdfaSchema:property></rdf:li>"
    )
