"""What our own judge passes, phive passes, too, and veraPDF and Mustang take the PDFs.

What is wrong they refuse: they do look.
"""

import pikepdf
import pytest

from billing.einvoice import pdf as pdfs
from billing.einvoice.judging import judge_xml
from billing.einvoice.pages import page_of
from billing.einvoice.profiles import Profile, build, profiles_for
from tests.billing.einvoice import samples
from tests.billing.einvoice.mutations import MUTATIONS

pytestmark = pytest.mark.einvoice

# Mustang holds plain Factur-X against XRechnung, too, and says so.
REMARKS = {"BR-DE-21", "PEPPOL-EN16931-P0100", "PEPPOL-EN16931-R001", "PEPPOL-EN16931-R008"}


@pytest.mark.parametrize("shape", samples.SHAPES)
@pytest.mark.parametrize("case", samples.CASES)
def test_xml_passes(case, shape, second, verdicts):
    document = samples.SHAPES[shape](case)
    answers = {
        profile: second.of_xml(document, profile, build(document, profile))
        for profile in profiles_for(document)
    }
    verdicts.second(case, shape, {profile: a.valid for profile, a in answers.items()})
    said = {profile: a.errors | a.warnings for profile, a in answers.items()}
    assert said == {profile: {} for profile in answers}
    assert all(a.valid for a in answers.values())


@pytest.mark.parametrize("shape", samples.SHAPES)
@pytest.mark.parametrize("case", samples.CASES)
def test_a_pdf_passes(case, shape, second, verdicts):
    document = samples.SHAPES[shape](case)
    made = pdfs.facturx_pdf(document, build(document, Profile.FACTUR_X))
    answers = {kind: second.of_pdf(kind, made) for kind in ("vera:3a", "vera:ua1", "mustang")}
    verdicts.pdf(case, shape, {kind: a.valid for kind, a in answers.items()})
    assert {kind: a.errors for kind, a in answers.items()} == {kind: {} for kind in answers}
    assert all(a.valid for a in answers.values())
    assert set(answers["mustang"].warnings) <= REMARKS


def test_a_long_pdf_passes(second):
    document = samples.long_invoice(200)
    made = pdfs.facturx_pdf(document, build(document, Profile.FACTUR_X))
    assert [second.of_pdf(kind, made).errors for kind in ("vera:3a", "vera:ua1")] == [{}, {}]


# Where the two differ: phive has XRechnung on EN 16931 1.3.15, where BR-CO-25 still was, and takes
# BR-CL-23 for the warning that KoSIT made of it.
STRICTER = {
    ("due date and terms missing", Profile.XRECHNUNG_CII): {"BR-CO-25"},
    ("due date and terms missing", Profile.XRECHNUNG_UBL): {"BR-CO-25"},
    ("unit code unknown", Profile.XRECHNUNG_CII): {"BR-CL-23"},
    ("unit code unknown", Profile.XRECHNUNG_UBL): {"BR-CL-23"},
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_both_say_the_same_of_what_is_wrong(name, second, einvoice_rules):
    mutation = MUTATIONS[name]
    made = mutation.made()
    differing = {}
    for profile in profiles_for(made):
        xml = mutation.xml(profile)
        findings, _ = judge_xml(made, profile, xml)
        ours = {f.code for f in findings if f.fatal and f.code != "reads-otherwise"}
        theirs = second.of_xml(made, profile, xml)
        if theirs.valid != (not ours):
            differing[(name, profile)] = ours | set(theirs.errors)
    assert differing == {key: STRICTER[key] for key in differing}


# -- broken PDFs -----------------------------------------------------------------------------------


def packet(old, new):
    def change(opened):
        text = opened.Root.Metadata.read_bytes().decode()
        assert old in text
        opened.Root.Metadata = opened.make_stream(
            text.replace(old, new).encode(),
            Type=pikepdf.Name.Metadata,
            Subtype=pikepdf.Name.XML,
        )

    return change


def rename(opened):
    opened.Root.AF[0].F = opened.Root.AF[0].UF = pikepdf.String("invoice.xml")


def detach(opened):
    del opened.Root["/AF"]


BROKEN = {
    "not told of the attachment's schema": (packet(pdfs._schema(), ""), "vera:3a"),
    "not told of the attachment": (packet(pdfs._description(), ""), "mustang"),
    "attachment renamed": (rename, "mustang"),
    "attachment belongs to nothing": (detach, "vera:3a"),
    "no title": (packet("<dc:title>", "<dc:none>"), "vera:ua1"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_pdf_is_refused(name, second):
    change, kind = BROKEN[name]
    document = samples.invoice()
    made = pdfs.facturx_pdf(document, build(document, Profile.FACTUR_X))
    assert not second.of_pdf(kind, pdfs.rewritten(made, change)).valid


def test_a_wrong_total_inside_is_refused(second):
    document = samples.invoice()
    xml = build(document, Profile.FACTUR_X)
    wrong = xml.replace(b"<ram:GrandTotalAmount>", b"<ram:GrandTotalAmount>1")
    made = pdfs.with_metadata(pdfs.typeset(page_of(document), wrong))
    assert "BR-CO-16" in second.of_pdf("mustang", made).errors
