"""Which files of the standards judge which profile. Paths are relative to the folder of the rules.

Source: EN 16931 1.3.16, XRechnung 3.0.2, Peppol BIS Billing 2026.5, Factur-X 1.0.8 (ZUGFeRD 2.4),
as the Maven artifacts phive-rules-* carry them; UBL 2.1 and CII D16B schemas from ph-ubl21 and
ph-cii-d16b.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from billing.einvoice.profiles import Profile

UBL_SCHEMA = "ubl/all.xsd"


@dataclass(frozen=True, slots=True)
class RuleSet:
    """An XML schema, then Schematron compiled to XSLT, in this order."""

    schema: str
    sheets: tuple[str, ...]

    def missing(self, folder: Path) -> list[str]:
        return [name for name in (self.schema, *self.sheets) if not (folder / name).is_file()]


RULE_SETS = {
    Profile.FACTUR_X: RuleSet("factur-x/FACTUR-X_EN16931.xsd", ("factur-x/FACTUR-X_EN16931.xslt",)),
    Profile.XRECHNUNG_CII: RuleSet(
        "cii/CrossIndustryInvoice_100pD16B.xsd",
        ("en16931/EN16931-CII-validation.xslt", "xrechnung/XRechnung-CII-validation.xslt"),
    ),
    Profile.XRECHNUNG_UBL: RuleSet(
        UBL_SCHEMA,
        ("en16931/EN16931-UBL-validation.xslt", "xrechnung/XRechnung-UBL-validation.xslt"),
    ),
    Profile.PEPPOL: RuleSet(
        UBL_SCHEMA, ("peppol/CEN-EN16931-UBL.xslt", "peppol/PEPPOL-EN16931-UBL.xslt")
    ),
}
