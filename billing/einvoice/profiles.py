"""The four forms a document is issued in, and which of them suit a buyer."""

from __future__ import annotations

from enum import StrEnum

from billing.einvoice import cii, ubl
from billing.einvoice.document import MAIL_SCHEME, Document

_EN = "urn:cen.eu:en16931:2017"
_XRECHNUNG = f"{_EN}#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0"
_PEPPOL = f"{_EN}#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"


class Profile(StrEnum):
    """FACTUR_X is the XML inside the PDF (ZUGFeRD is its German name)."""

    FACTUR_X = "factur-x"
    XRECHNUNG_CII = "xrechnung-cii"
    XRECHNUNG_UBL = "xrechnung-ubl"
    PEPPOL = "peppol-ubl"

    @property
    def is_ubl(self) -> bool:
        return self in (Profile.XRECHNUNG_UBL, Profile.PEPPOL)

    @property
    def guideline(self) -> str:
        """BT-24: whose rules it keeps."""
        return _GUIDELINES[self]


_GUIDELINES = {
    Profile.FACTUR_X: _EN,
    Profile.XRECHNUNG_CII: _XRECHNUNG,
    Profile.XRECHNUNG_UBL: _XRECHNUNG,
    Profile.PEPPOL: _PEPPOL,
}


def profiles_for(document: Document) -> tuple[Profile, ...]:
    """All of them, but Peppol only where its network delivers to the buyer: never to a mail
    address.
    """
    return tuple(
        profile
        for profile in Profile
        if profile is not Profile.PEPPOL or document.buyer.endpoint.scheme != MAIL_SCHEME
    )


def build(document: Document, profile: Profile) -> bytes:
    """The document as XML; the same bytes each time."""
    if profile.is_ubl:
        return ubl.build(document, profile.guideline)
    process = "" if profile is Profile.FACTUR_X else ubl.PROCESS
    return cii.build(document, profile.guideline, process)
