"""The code that a bank's app reads to fill in a transfer.

Source: EPC069-12, version 002, character set UTF-8; names are cut at 70 characters, and the whole
at what a code of version 13 holds.
"""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO

from qrcode.constants import ERROR_CORRECT_M  # type: ignore[import-untyped]  # has no types
from qrcode.image.svg import SvgPathImage  # type: ignore[import-untyped]  # has no types
from qrcode.main import QRCode  # type: ignore[import-untyped]  # has no types

from billing.einvoice.document import Document, Transfer, rounded
from billing.einvoice.totals import Totals

_LARGEST = Decimal("999999999.99")


def text(document: Document, sums: Totals) -> str:
    """Empty where there is nothing to transfer in euros."""
    payment = document.payment
    if not isinstance(payment, Transfer) or document.is_credit_note:
        return ""
    if document.currency != "EUR" or not 0 < sums.payable <= _LARGEST:
        return ""
    amount = f"EUR{rounded(sums.payable):f}"
    iban = payment.iban.replace(" ", "")
    name = document.seller.name[:70]
    return "\n".join(
        ("BCD", "002", "1", "SCT", payment.bic, name, iban, amount, "", "", document.number)
    )


def drawing(document: Document, sums: Totals) -> str:
    """SVG, black on nothing, without a margin; the same each time."""
    content = text(document, sums)
    if not content:
        return ""
    code = QRCode(error_correction=ERROR_CORRECT_M, border=0, image_factory=SvgPathImage)
    code.add_data(content.encode())
    code.make(fit=True)
    target = BytesIO()
    code.make_image().save(target)
    return target.getvalue().decode()
