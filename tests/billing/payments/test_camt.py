"""Statements of banks: what is a receipt, what is not, and what is refused."""

import hashlib
from datetime import date
from decimal import Decimal

import pytest

from billing.payments import camt

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
    (found,) = camt.read(statement(entry(version=version), version=version)).entries
    assert (found.amount, found.currency) == (Decimal("151.78"), "EUR")
    assert (found.booked_on, found.statement) == (date(2026, 11, 12), "S-1")
    assert (found.payer, found.text) == ("Deichbau Nord GmbH", "Rechnung 2026-000001")


def test_what_is_not_booked_is_counted_only():
    found = camt.read(statement(entry(status="PDNG")))
    assert (found.entries, found.left_out) == ((), 1)


def returned(*, reason="<RtrInf><Rsn><Cd>AM04</Cd></Rsn></RtrInf>", amounts="", side="Dbtr"):
    """The details of a direct debit that was taken back."""
    return (
        f"<TxDtls><Refs><EndToEndId>2026-000001</EndToEndId></Refs>{amounts}<RltdPties><{side}>"
        f"<Pty><Nm>Deichbau</Nm></Pty></{side}></RltdPties>{reason}</TxDtls>"
    )


FAMILY = (
    "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>IDDT</Cd><SubFmlyCd>{}</SubFmlyCd></Fmly></Domn></BkTxCd>"
)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"direction": "DBIT"}, ("debit", "")),
        ({"direction": "DBIT", "reversal": "<RvslInd>true</RvslInd>"}, ("debit", "RVSL")),
        ({"direction": "DBIT", "reversal": "<RvslInd>false</RvslInd>"}, ("debit", "")),
        ({"direction": "DBIT", "details": returned()}, ("debit", "AM04")),
        ({"direction": "DBIT", "details": returned(reason="<RtrInf/>")}, ("debit", "RVSL")),
        ({"direction": "DBIT", "reversal": FAMILY.format("UPDD")}, ("debit", "RVSL")),
        ({"direction": "DBIT", "reversal": FAMILY.format("ESDD")}, ("debit", "")),
        ({"reversal": "<RvslInd>true</RvslInd>"}, ("credit", "RVSL")),  # a refund that came back
    ],
)
def test_what_went_out_or_was_taken_back_is_read(fields, expected):
    (found,) = camt.read(statement(entry(**fields))).entries
    assert (found.direction, found.returned) == expected
    assert found.amount == Decimal("151.78")


def test_charges_of_the_bank_are_told_apart_from_what_was_taken_back():
    amounts = '<AmtDtls><InstdAmt><Amt Ccy="EUR">151.78</Amt></InstdAmt></AmtDtls>'
    told = entry("154.78", direction="DBIT", details=returned(amounts=amounts))
    (found,) = camt.read(statement(told)).entries
    assert (found.amount, found.original) == (Decimal("154.78"), Decimal("151.78"))
    assert (found.payer, found.text) == ("Deichbau", "2026-000001")


def test_a_part_says_for_itself_which_way_it_went():
    parts = (
        '<TxDtls><Amt Ccy="EUR">100.00</Amt></TxDtls><TxDtls><Amt Ccy="EUR">25.00</Amt>'
        "<CdtDbtInd>DBIT</CdtDbtInd><RtrInf><Rsn><Cd>MD01</Cd></Rsn></RtrInf></TxDtls>"
    )
    found = camt.read(statement(entry("75.00", details=parts))).entries
    assert [(one.direction, one.returned, one.amount) for one in found] == [
        ("credit", "", 100),
        ("debit", "MD01", 25),
    ]


def test_money_that_went_out_is_another_entry_than_the_same_that_came_in():
    found = camt.read(statement(entry(), entry(direction="DBIT"))).entries
    assert len({one.digest for one in found}) == 2


def test_a_collective_entry_is_as_many_receipts_as_it_says():
    parts = "".join(
        f'<TxDtls><Refs><EndToEndId>{e2e}</EndToEndId></Refs><Amt Ccy="EUR">{amount}</Amt></TxDtls>'
        for e2e, amount in (("2026-000001", "100.00"), ("2026-000002", "51.78"))
    )
    found = camt.read(statement(entry(details=parts))).entries
    assert [(r.text, r.amount) for r in found] == [
        ("2026-000001", Decimal("100.00")),
        ("2026-000002", Decimal("51.78")),
    ]
    assert len({r.digest for r in found}) == 2


def test_an_entry_is_the_same_in_another_statement():
    day, month = statement(entry(), name="day"), statement(entry(), entry(), name="month")
    (first,) = camt.read(day).entries
    same, other = camt.read(month).entries
    assert first.digest == same.digest != other.digest


@pytest.mark.parametrize("reference", ["", "NONREF-7"])
def test_without_the_banks_reference_its_content_tells(reference):
    one, two = (entry(a, reference=reference) for a in ("10.00", "11.00"))
    found = camt.read(statement(one, two)).entries
    assert len({r.digest for r in found}) == 2


REPAID = "REF-1\n0\n2026-11-12\n151.78\nEUR\n1"
TOLD = "2026-11-12\n151.78\nEUR\nDeichbau\n2026-000001\n1"


@pytest.mark.parametrize(("reference", "key"), [("REF-1", REPAID), ("", TOLD)])
@pytest.mark.parametrize("reversal", ["", FAMILY.format("RRTN"), "<RvslInd>1</RvslInd>"])
def test_what_was_taken_in_as_a_receipt_once_is_known(reference, key, reversal):
    """Money that came back, told by its reason or code, was read as any receipt before."""
    reason = {"reason": ""} if reversal else {}
    told = entry(reference=reference, details=returned(**reason), reversal=reversal)
    (found,) = camt.read(statement(told)).entries
    assert (found.direction, bool(found.returned)) == ("credit", True)
    known = f"DE89370400440532013000\n{key}"
    assert found.digest == hashlib.sha256(known.encode()).hexdigest()


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
        (statement(entry("1E+40")), "too-much"),
        (statement(entry("99999999999999.00")), "too-much"),
        (statement(entry("1000000000000.00")), "too-much"),
        (statement(entry()).replace(b"2026-11-12", b"gestern"), "no-amount"),
        (statement(entry(direction="")), "no-direction"),
        (b" " * (camt.MOST_BYTES + 1), "too-large"),
    ],
)
def test_what_is_no_statement_is_refused(content, code):
    with pytest.raises(camt.StatementError) as told:
        camt.read(content)
    assert told.value.code == code
