"""The PDF: the same bytes each time, the judged XML inside, and no name that stops it."""

import io
from dataclasses import replace

import pikepdf
import pytest

from billing.einvoice.pages import page_of
from billing.einvoice.pdf import ATTACHMENT, facturx_pdf, typeset
from billing.einvoice.profiles import Profile, build
from tests.billing.einvoice import samples

pytestmark = pytest.mark.einvoice


def made(document):
    return facturx_pdf(document, build(document, Profile.FACTUR_X))


@pytest.mark.parametrize("shape", samples.SHAPES)
def test_the_same_document_gives_the_same_bytes(shape):
    document = samples.SHAPES[shape]("reverse-charge")
    assert made(document) == made(document)


def test_the_judged_xml_is_inside_byte_for_byte():
    document = samples.invoice()
    xml = build(document, Profile.FACTUR_X)
    with pikepdf.open(io.BytesIO(facturx_pdf(document, xml))) as opened:
        assert opened.attachments[ATTACHMENT].get_file().read_bytes() == xml
        (file,) = opened.Root.AF
        assert file.AFRelationship == pikepdf.Name.Alternative
        assert opened.Root.Lang == "de"


def test_it_says_which_standards_it_keeps():
    with pikepdf.open(io.BytesIO(made(samples.invoice()))) as opened:
        packet = opened.Root.Metadata.read_bytes().decode()
    for claim in (
        "<pdfaid:part>3</pdfaid:part>",
        "<pdfaid:conformance>A</pdfaid:conformance>",
        "<pdfuaid:part>1</pdfuaid:part>",
        "<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>",
        f"<fx:DocumentFileName>{ATTACHMENT}</fx:DocumentFileName>",
    ):
        assert claim in packet


@pytest.mark.parametrize(
    "name",
    [
        "株式会社ポルダー",
        "Smile 😀 & Co",
        "Łódź Ελλάς Київ",
        "شركة مثال",
        'Quote " \\ ` \u200b\u0301',
        "e\u0301 composed",
        '#panic("no") *no* $x$ <b>',
    ],
)
def test_no_name_stops_it(name):
    buyer = replace(samples.GERMAN, name=name)
    assert made(replace(samples.invoice(), buyer=buyer)).startswith(b"%PDF-")


def test_a_character_that_no_font_has_is_a_question_mark():
    document = samples.invoice()

    def named(name):
        return page_of(replace(document, buyer=replace(document.buyer, name=name)))

    xml = build(document, Profile.FACTUR_X)
    assert typeset(named("A 株 B 😀"), xml) == typeset(named("A ? B ?"), xml)


def test_many_lines_take_many_pages():
    with pikepdf.open(io.BytesIO(made(samples.long_invoice(200)))) as opened:
        assert len(opened.pages) > 3
