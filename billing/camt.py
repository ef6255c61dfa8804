"""A bank's statement as CAMT.053 XML: what was received, entry by entry. Pure.

Versions differ in where they keep a few things, so elements are looked up by name, whatever their
namespace. A collective entry is as many receipts as it says; what went out, what is not booked yet
and what was taken back is left out, and counted.

Source: ISO 20022, camt.053.001.02 to camt.053.001.13; German Banking Industry Committee, DFÜ
agreement, annex 3.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from lxml import etree

MOST_BYTES = 5 * 1024 * 1024
_CREDIT, _BOOKED = "CRDT", "BOOK"


class StatementError(ValueError):
    """`code` says what is wrong: too-large, no-xml, no-statement or no-amount."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Receipt:
    """Money that came in. `digest` is the same in every statement that holds it."""

    digest: str
    statement: str
    account: str
    booked_on: date
    amount: Decimal
    currency: str
    payer: str
    text: str


@dataclass(frozen=True, slots=True)
class Statement:
    """`left_out` is how many entries are no receipts."""

    receipts: tuple[Receipt, ...]
    left_out: int


def read(content: bytes) -> Statement:
    """Raises: StatementError."""
    root = _root(content)
    found: list[Receipt] = []
    left_out = 0
    for statement in _all(root, "Stmt"):
        seen: Counter[tuple[str, ...]] = Counter()
        for entry in _children(statement, "Ntry"):
            if _is_receipt(entry):
                found += _receipts(statement, entry, seen)
            else:
                left_out += 1
    return Statement(tuple(found), left_out)


def _root(content: bytes) -> Any:
    """No entity is resolved, nothing is loaded, and a document type is refused."""
    if len(content) > MOST_BYTES:
        raise StatementError("too-large")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise StatementError("no-xml") from error
    if root.getroottree().docinfo.doctype:
        raise StatementError("no-xml")
    if not any(True for _ in _all(root, "Stmt")):
        raise StatementError("no-statement")
    return root


def _is_receipt(entry: Any) -> bool:
    status = _text(entry, "Sts", "Cd") or _text(entry, "Sts")
    taken_back = _text(entry, "RvslInd") == "true"
    return _text(entry, "CdtDbtInd") == _CREDIT and status == _BOOKED and not taken_back


def _receipts(statement: Any, entry: Any, seen: Counter[tuple[str, ...]]) -> Iterator[Receipt]:
    parts = [
        part for details in _children(entry, "NtryDtls") for part in _children(details, "TxDtls")
    ]
    account = _text(statement, "Acct", "Id", "IBAN") or _text(statement, "Acct", "Id", "Othr", "Id")
    booked_on = _day(entry)
    for number, part in enumerate(parts if len(parts) > 1 else [parts[0] if parts else entry]):
        amount, currency = _amount(part) if len(parts) > 1 else _amount(entry)
        payer, text = _payer(part), _remittance(part) or _text(entry, "AddtlNtryInf")
        reference = _text(entry, "AcctSvcrRef") or _text(part, "Refs", "AcctSvcrRef")
        told = (f"{booked_on:%F}", f"{amount:f}", currency, payer, text)
        key = (account, reference, str(number), *told[:3]) if reference else (account, *told)
        seen[key] += 1  # two of the same on one day are two
        yield Receipt(
            hashlib.sha256("\n".join((*key, str(seen[key]))).encode()).hexdigest(),
            _text(statement, "Id")[:60],
            account[:34],
            booked_on,
            amount,
            currency,
            payer[:140],
            text[:500],
        )


def _amount(element: Any) -> tuple[Decimal, str]:
    """Of an entry, or of a part of a collective one."""
    found = _first(element, "Amt")
    if found is None:
        found = _first(element, "AmtDtls", "TxAmt", "Amt")
    try:
        amount = Decimal((found.text or "").strip())
    except (AttributeError, InvalidOperation) as error:
        raise StatementError("no-amount") from error
    if not amount.is_finite() or amount <= 0 or amount != amount.quantize(Decimal("0.01")):
        raise StatementError("no-amount")
    return amount, str(found.get("Ccy", ""))[:3]


def _day(entry: Any) -> date:
    text = _text(entry, "BookgDt", "Dt") or _text(entry, "BookgDt", "DtTm")
    try:
        return date.fromisoformat(text[:10])
    except ValueError as error:
        raise StatementError("no-amount") from error


def _payer(part: Any) -> str:
    """The party's name stands one level deeper in later versions."""
    return _text(part, "RltdPties", "Dbtr", "Nm") or _text(part, "RltdPties", "Dbtr", "Pty", "Nm")


def _remittance(part: Any) -> str:
    told = [" ".join(one.itertext()) for one in _within(part, "RmtInf") if _name(one) == "Ustrd"]
    told += [_text(one, "CdtrRefInf", "Ref") for one in _within(part, "RmtInf")]
    told.append(_text(part, "Refs", "EndToEndId"))
    texts = (" ".join(text.split()) for text in told)
    return " ".join(text for text in texts if text and text != "NOTPROVIDED")


# -- by name, whatever the namespace ---------------------------------------------------------------


def _name(element: Any) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _children(element: Any, name: str) -> list[Any]:
    return [child for child in element if _name(child) == name]


def _all(root: Any, name: str) -> Iterator[Any]:
    return (element for element in root.iter("{*}*") if _name(element) == name)


def _within(element: Any, name: str) -> list[Any]:
    return [inner for child in _children(element, name) for inner in child]


def _first(element: Any, *path: str) -> Any:
    for name in path:
        found = _children(element, name)
        if not found:
            return None
        element = found[0]
    return element


def _text(element: Any, *path: str) -> str:
    found = _first(element, *path)
    return "" if found is None else (found.text or "").strip()
