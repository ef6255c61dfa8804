"""Statements of banks: what is a receipt, what is not, and what is refused."""

from datetime import date
from decimal import Decimal

import pytest

from billing import camt

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.{}"


def entry(
    amount="151.78",
    *,
    text="Rechnung 2026-000001",
    payer="Deichbau Nord GmbH",
    reference="REF-1",
    version="08",
    details=None,
    direction="CRDT",
    status="BOOK",
    reversal="",
):
    later = version >= "04"
    name = f"<Pty><Nm>{payer}</Nm></Pty>" if later else f"<Nm>{payer}</Nm>"
    state = f"<Sts><Cd>{status}</Cd></Sts>" if later else f"<Sts>{status}</Sts>"
    told = f"<RltdPties><Dbtr>{name}</Dbtr></RltdPties><RmtInf><Ustrd>{text}</Ustrd></RmtInf>"
    inner = details or f"<TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>{told}</TxDtls>"
    return (
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>{reversal}{state}'
        f"<BookgDt><Dt>2026-11-12</Dt></BookgDt><AcctSvcrRef>{reference}</AcctSvcrRef>"
        f"<NtryDtls>{inner}</NtryDtls></Ntry>"
    )


def statement(*entries, version="08", name="S-1", head=""):
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}'
        f'<Document xmlns="{NAMESPACE.format(version)}">'
        f"<BkToCstmrStmt><GrpHdr><MsgId>M</MsgId></GrpHdr><Stmt><Id>{name}</Id>"
        f"<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>{''.join(entries)}</Stmt>"
        "</BkToCstmrStmt></Document>"
    ).encode()


@pytest.mark.parametrize("version", ["02", "04", "08", "13"])
def test_a_receipt_is_read_in_every_version(version):
    (found,) = camt.read(statement(entry(version=version), version=version)).receipts
    assert (found.amount, found.currency) == (Decimal("151.78"), "EUR")
    assert (found.booked_on, found.statement) == (date(2026, 11, 12), "S-1")
    assert (found.payer, found.text) == ("Deichbau Nord GmbH", "Rechnung 2026-000001")


@pytest.mark.parametrize(
    "fields",
    [
        {"direction": "DBIT"},
        {"status": "PDNG"},
        {"reversal": "<RvslInd>true</RvslInd>"},
    ],
)
def test_what_is_no_receipt_is_counted_only(fields):
    found = camt.read(statement(entry(**fields)))
    assert (found.receipts, found.left_out) == ((), 1)


def test_a_collective_entry_is_as_many_receipts_as_it_says():
    parts = "".join(
        f'<TxDtls><Refs><EndToEndId>{e2e}</EndToEndId></Refs><Amt Ccy="EUR">{amount}</Amt></TxDtls>'
        for e2e, amount in (("2026-000001", "100.00"), ("2026-000002", "51.78"))
    )
    found = camt.read(statement(entry(details=parts))).receipts
    assert [(r.text, r.amount) for r in found] == [
        ("2026-000001", Decimal("100.00")),
        ("2026-000002", Decimal("51.78")),
    ]
    assert len({r.digest for r in found}) == 2


def test_an_entry_is_the_same_in_another_statement():
    day, month = statement(entry(), name="day"), statement(entry(), entry(), name="month")
    (first,) = camt.read(day).receipts
    same, other = camt.read(month).receipts
    assert first.digest == same.digest != other.digest


@pytest.mark.parametrize("reference", ["", "NONREF-7"])
def test_without_the_banks_reference_its_content_tells(reference):
    one, two = (entry(a, reference=reference) for a in ("10.00", "11.00"))
    found = camt.read(statement(one, two)).receipts
    assert len({r.digest for r in found}) == 2


BOMB = '<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"no xml", "no-xml"),
        (b"", "no-xml"),
        (statement(entry(), head=BOMB), "no-xml"),
        (statement(entry(text="&x;"), head=OUTSIDE), "no-xml"),
        (b"<Document><Invoice/></Document>", "no-statement"),
        (statement(entry("1,50")), "no-amount"),
        (statement(entry("1.505")), "no-amount"),
        (statement(entry("-1.50")), "no-amount"),
        (statement(entry("NaN")), "no-amount"),
        (statement(entry()).replace(b"2026-11-12", b"gestern"), "no-amount"),
        (b" " * (camt.MOST_BYTES + 1), "too-large"),
    ],
)
def test_what_is_no_statement_is_refused(content, code):
    with pytest.raises(camt.StatementError) as told:
        camt.read(content)
    assert told.value.code == code
