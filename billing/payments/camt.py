"""A bank's statement as CAMT.053 XML: what came in and what went out, entry by entry. Pure.

Versions differ in where they keep a few things, so elements are looked up by name, whatever their
namespace. A collective entry is as many as it says. What is not booked yet is left out, and
counted: it comes again once it is.

What was taken back says so in one of three ways: the reason of a return (`RtrInf`), the mark of a
reversal (`RvslInd`), or a code of the bank's transaction that stands for either.

Source: ISO 20022, camt.053.001.02 to camt.053.001.13, external code sets of return reasons and bank
transaction codes; German Banking Industry Committee, DFÜ agreement, annex 3.
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
_CENT, _BEYOND = Decimal("0.01"), Decimal(10) ** 12  # more than a column holds
_CREDIT, _DEBIT, _BOOKED = "CRDT", "DBIT", "BOOK"
_DIRECTIONS = {_CREDIT: "credit", _DEBIT: "debit"}
REVERSED = "RVSL"  # taken back, and nobody says why
# Sub-families of bank transactions: unpaid direct debits, reversals after a return, a request to
# cancel, or a reversal.
_TAKEN_BACK = {"UPDD", "PRDD", "RCDD", "RRTN", "RPCR"}


class StatementError(ValueError):
    """`code` says what is wrong: too-large, no-xml, no-statement, no-amount, too-much or
    no-direction.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Told:
    """Money that came in ("credit") or went out ("debit"). `digest` is the same in every statement
    that holds it. `payer` is the other side. `returned` is the code of why it was taken back, empty
    where it was not; `original` the amount without charges, where both are told.
    """

    digest: str
    statement: str
    account: str
    booked_on: date
    amount: Decimal
    currency: str
    payer: str
    text: str
    direction: str
    returned: str
    original: Decimal | None


@dataclass(frozen=True, slots=True)
class Statement:
    """`left_out` is how many entries are not booked."""

    entries: tuple[Told, ...]
    left_out: int


def read(content: bytes) -> Statement:
    """Raises: StatementError."""
    root = _root(content)
    found: list[Told] = []
    left_out = 0
    for statement in _all(root, "Stmt"):
        seen: Counter[tuple[str, ...]] = Counter()
        for entry in _children(statement, "Ntry"):
            if _is_booked(entry):
                found += _told(statement, entry, seen)
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


def _is_booked(entry: Any) -> bool:
    return (_text(entry, "Sts", "Cd") or _text(entry, "Sts")) == _BOOKED


def _told(statement: Any, entry: Any, seen: Counter[tuple[str, ...]]) -> Iterator[Told]:
    parts = [
        part for details in _children(entry, "NtryDtls") for part in _children(details, "TxDtls")
    ]
    account = _text(statement, "Acct", "Id", "IBAN") or _text(statement, "Acct", "Id", "Othr", "Id")
    booked_on = _day(entry)
    for number, part in enumerate(parts if len(parts) > 1 else [parts[0] if parts else entry]):
        amount, currency = _amount(part) if len(parts) > 1 else _amount(entry)
        mark = _text(part, "CdtDbtInd") if len(parts) > 1 else ""
        mark = mark or _text(entry, "CdtDbtInd")
        if mark not in _DIRECTIONS:
            raise StatementError("no-direction")
        returned = _returned(entry, part)
        payer = _other_side(part, mark, returned)
        text = _remittance(part) or _text(entry, "AddtlNtryInf")
        reference = _text(entry, "AcctSvcrRef") or _text(part, "Refs", "AcctSvcrRef")
        # As they were told by before anything was read as taken back: receipts, by who paid.
        by = _party(part, "Dbtr") if mark == _CREDIT else payer
        told = (f"{booked_on:%F}", f"{amount:f}", currency, by, text)
        key: tuple[str, ...]
        key = (account, reference, str(number), *told[:3]) if reference else (account, *told)
        if mark != _CREDIT or _text(entry, "RvslInd") == "true":
            key = (mark, returned, *key)
        seen[key] += 1  # two of the same on one day are two
        yield Told(
            hashlib.sha256("\n".join((*key, str(seen[key]))).encode()).hexdigest(),
            _text(statement, "Id")[:60],
            account[:34],
            booked_on,
            amount,
            currency,
            payer[:140],
            text[:500],
            _DIRECTIONS[mark],
            returned[:4],
            _original(part, amount) if returned else None,
        )


def _returned(entry: Any, part: Any) -> str:
    """Why it was taken back; empty where it was not."""
    reason = _text(part, "RtrInf", "Rsn", "Cd") or _text(part, "RtrInf", "Rsn", "Prtry")
    if reason or _first(part, "RtrInf") is not None:
        return reason or REVERSED
    families = {_text(one, "BkTxCd", "Domn", "Fmly", "SubFmlyCd") for one in (entry, part)}
    is_marked = _text(entry, "RvslInd") in ("true", "1")
    return REVERSED if is_marked or families & _TAKEN_BACK else ""


def _original(part: Any, amount: Decimal) -> Decimal | None:
    """The amount that was taken back, where the bank adds its charges to it."""
    for name in ("TxAmt", "InstdAmt"):
        try:
            found = Decimal(_text(part, "AmtDtls", name, "Amt"))
        except InvalidOperation:
            continue
        if found.is_finite() and 0 < found < amount and found == found.quantize(_CENT):
            return found
    return None


def _amount(element: Any) -> tuple[Decimal, str]:
    """Of an entry, or of a part of a collective one."""
    found = _first(element, "Amt")
    if found is None:
        found = _first(element, "AmtDtls", "TxAmt", "Amt")
    try:
        amount = Decimal((found.text or "").strip())
    except (AttributeError, InvalidOperation) as error:
        raise StatementError("no-amount") from error
    if not amount.is_finite() or amount <= 0:
        raise StatementError("no-amount")
    if amount >= _BEYOND:
        raise StatementError("too-much")
    if amount != amount.quantize(_CENT):
        raise StatementError("no-amount")
    return amount, str(found.get("Ccy", ""))[:3]


def _day(entry: Any) -> date:
    text = _text(entry, "BookgDt", "Dt") or _text(entry, "BookgDt", "DtTm")
    try:
        return date.fromisoformat(text[:10])
    except ValueError as error:
        raise StatementError("no-amount") from error


def _other_side(part: Any, mark: str, returned: str) -> str:
    """Who paid, or was paid; of what was taken back, who had paid, or was to be."""
    return _party(part, "Dbtr" if (mark == _CREDIT) != bool(returned) else "Cdtr")


def _party(part: Any, role: str) -> str:
    """Its name stands one level deeper in later versions."""
    return _text(part, "RltdPties", role, "Nm") or _text(part, "RltdPties", role, "Pty", "Nm")


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
