"""Why no VAT is charged: the code (BT-121) and, where the document brings no words of its own, the
words (BT-120).

Source: VATEX code list of CEF; Directive 2006/112/EC, Art. 44, 59, 196.
"""

from __future__ import annotations

from billing.einvoice.document import Category
from services.spec import gettext_noop

CODES = {Category.REVERSE_CHARGE: "VATEX-EU-AE", Category.OUTSIDE: "VATEX-EU-O"}
WORDS = {
    Category.REVERSE_CHARGE: gettext_noop("Reverse charge, Art. 196 Directive 2006/112/EC"),
    Category.OUTSIDE: gettext_noop("Not subject to EU VAT, Art. 44 and 59 Directive 2006/112/EC"),
}
