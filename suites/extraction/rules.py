"""Reads invoices and orders with keyword lists and regular expressions.

A classical baseline: labels in ten languages, the usual number and date forms, and one
reading of an item row. It does not know layouts, arithmetic or who buys from whom.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

_CREDIT = re.compile(
    r"credit (?:note|memo)|gutschrift\b|avoir\b|abono|nota d[ie] cr[eé]dito|creditnota",
    re.IGNORECASE,
)
_INVOICE = re.compile(r"invoice|rechnung|factu|fattura|faktura|fatura", re.IGNORECASE)
_ORDER = re.compile(
    r"purchase [o0]rder|\bPO\b|bestell|commande|pedido|ordine|inkoop|encomenda|zamów",
    re.IGNORECASE,
)
_MONTHS: tuple[str, ...] = (
    "jan enero gennaio stycz",
    "feb fév febb lut",
    "mar mär mrz maart marz",
    "apr avr abr kwie",
    "may mai mag mei maj mayo",
    "jun juin giu czerw",
    "jul juil lug lip",
    "aug août ago sierp",
    "sep set wrze",
    "oct okt ott out paźd",
    "nov listop",
    "dec dez déc dic grud",
)
_DATE = re.compile(
    r"(?P<y1>20\d\d)[-/.年](?P<m1>\d{1,2})[-/.月](?P<d1>\d{1,2})"
    r"|(?P<a>\d{1,2})\s?[./-]\s?(?P<b>\d{1,2})\s?[./-]\s?(?P<y2>20\d\d|\d\d)(?!\d)"
    r"|(?P<d3>\d{1,2})(?:\.|er|st|nd|rd|th)?[\s-]+(?:of |de )?(?P<n3>[^\W\d_]{3,})\.?"
    r"[\s-]+(?:de )?'?(?P<y3>20\d\d|\d\d)(?!\d)"
    r"|(?P<n5>[^\W\d_]{3,})\.? (?P<d5>\d{1,2}),? '?(?P<y5>20\d\d|\d\d)(?!\d)"
)
_DUE = re.compile(
    r"\bdue\b|pay (?:by|before)|remit by|fällig|zahlbar bis|zahlungsziel|bis (?:zum|spätestens)"
    r"|échéance|echeance|plus tard|payer avant|prélev|prélèv|virement prévu|abgebucht"
    r"|vencimiento|\bvence|scadenza|pagamento entro|vervaldag|uiterlijk|betalen voor|vóór"
    r"|förfallodatum|förfallodag|betalas senast|termin płatności|支払期限",
    re.IGNORECASE,
)
_NET_DAYS = re.compile(
    r"\bnet (\d+)|(\d+) days from invoice|(\d+) tage netto|innerhalb (?:von )?(\d+) tagen"
    r"|binnen (\d+) tagen|net (\d+) days|binnen (\d+) dagen na factuurdatum",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"(?:invoice|credit note|po|bill|rechn(?:ungs?|g)?\.?|rechnungsnummer|rechnungs-id|beleg"
    r"|bestell(?:ung|nummer)?|gutschrift|factuur(?:nummer|nr)?|creditnota|ordernummer|bestelling"
    r"|facture|avoir|commande|factura|abono|pedido|fattura|parcella|nota di credito|ordine|doc"
    r"|faktura|fakturanummer|fatura|nota de crédito|order|receipt|folio|liquidation|番号)"
    r"[\s|:=;.,*#-]*(?:number|no|nr|núm|n|nummer|numéro|reference|nº|n\.º|simplificada|vat)?"
    r"[\s|:=.°º#-]*(?P<value>[A-Z]{0,4} ?[A-Z0-9]*[-/.]?[A-Z0-9./-]*\d[A-Z0-9./-]*)",
    re.IGNORECASE,
)
_PAYABLE = re.compile(
    r"now payable|now due|responsibility|balance due|payable|amount due|please pay|to prepay"
    r"|to pay\b|zu zahlen|restforderung|offener betrag|anweisungsbetrag|auszahlung|zah[l1]betrag"
    r"|reste d|reste à payer|à payer|resteert|te betalen|da pagare|a pagare|saldare"
    r"|att betala|zapłaty|a pagar|percibir|支払額",
    re.IGNORECASE,
)
_GROSS = re.compile(
    r"ttc|rechnungsbetrag|gesamt|gutschriftsbetrag|brutto|totale|incl|tot[a1]l|gross|summe eur"
    r"|endbetrag|zusammen|sum due|comes to|totaal|t0tal|合計",
    re.IGNORECASE,
)
_BELOW_ROWS = re.compile(
    r"sub-?tot|zwischen|\bnet(?:to)?\b|nett|\bht\b|excl|taxable|sin iva|sem iva|sous-total"
    r"|moms|mwst|ust\b|\bvat\b|\btva\b|\biva\b|\bbtw\b|\btax\b|\bbase\b|imponib|summ|rabatt|sconto"
    r"|shipping|freight$|versand|frais|korting|anzahlung|deposit|paid|cash|visa|netto|razem|igst",
    re.IGNORECASE,
)
_SELLER = re.compile(
    r"(?:seller|sold by|vendor(?: name)?|supplier|operated by|trading name of|lieferant|aussteller"
    r"|verkäufer|fournisseur|vendeur|émetteur|éditeur|emisor|proveedor|titular|fornitore|venditore"
    r"|leverancier|sprzedawca|dostawca|fornecedor|säljare|売主|bij|von|from)"
    r"(?: / seller| – fournisseur)?\s*[:;=|.*+: ]+\s*(?P<value>[^|:;·\n]{3,60})",
    re.IGNORECASE,
)
_LEGAL_FORM = re.compile(
    r"(?P<value>[^|·:;\n–—]{2,60}?\s(?:GmbH(?: & Co\. KG)?|AG|KG|OHG|UG|GbR|e\.K\.|Ltd|Limited|LLC"
    r"|PLLC|LLP|INC|Inc\.?|Corp\.?|Co\.|SARL|SAS|SA|EARL|SCEA|SCIC|S\.L\.|S\.A\.|S\.C\.|S\.r\.l\."
    r"|S\.R\.L\.|S\.n\.c\.|S\.a\.s\.|S\.p\.A\.|A\.S\.D\.|B\.V\.|BV|V\.O\.F\.|AB|AS|L[Dd][Aa]\.?"
    r"|Sp\. z o\.o\.|PartG mbB))(?=\W|$)"
)
_SYMBOLS: dict[str, str] = {"€": "EUR", "£": "GBP", "¥": "JPY", "円": "JPY", "Rs": "INR"}
_ISO = re.compile(r"\b(EUR|USD|GBP|CHF|JPY|PLN|SEK|INR|NOK|DKK)\b")
_MONEY = re.compile(r"[-−]?\d[\d.,' ]*\d|\d")
_ROW_AMOUNT = re.compile(
    r"^(?:[A-Z]{3}|Rs\.|[A-Z]?[$£€¥])?\s*(?P<money>[-−]?\d[\d.,' ]*[.,]\d\d|[-−]?\d[\d,]*(?=円))"
    r"\s*(?:€|EUR|kr|円|[A-Z]|HT|€ HT)?\s*$"
)
_CELLS = re.compile(r"\s{2,}|\s*\|\s*|\s*\.{3,}\s*|\t|;|\s+[—–=/]\s+|:\s+|,\s+(?=[\d£$€])|\*")
_LEAD_QUANTITY = re.compile(r"^(?P<n>\d[\d.]*)\s*(?:x|×|Stk\.?|Stück|pcs|ea)?\s+(?P<rest>\D.{2,})$")
_QUANTITY_CELL = re.compile(
    r"^(?:[x×]|n\.|mq|menge)?\s*-?(?P<n>\d[\d., ]*)(?:\s?[^\W\d]+\.?)?$", re.IGNORECASE
)
_NOT_GROSS = re.compile(r"sub|zwischen|excl|netto", re.IGNORECASE)


class _Dated(NamedTuple):
    """A date and the text that leads up to it on its line."""

    day: date
    before: str


def answer(sample: dict[str, Any]) -> dict[str, Any]:
    """Reads one document.

    Args:
        sample: The sample's columns; only `text` is read.

    Returns:
        An object of the shape of `schema.json`; unread strings are `unknown`.
    """
    text = str(sample["text"])
    kind = _document_type(text)
    currency = _currency(text)
    issued, due = _dates(text, month_first=currency == "USD", order=kind == "purchase_order")
    return {
        "document_type": kind,
        "number": _number(text),
        "issue_date": issued,
        "due_date": due,
        "vendor": _vendor(text),
        "currency": currency,
        "total": abs(_total(text)),
        "line_items": _line_items(text, positive=kind == "credit_note"),
    }


def _document_type(text: str) -> str:
    """Decides by the words of the document's kind; an invoice unless they say otherwise."""
    head = text[:250]
    if _CREDIT.search(head):
        return "credit_note"
    return "purchase_order" if _ORDER.search(head) and not _INVOICE.search(head) else "invoice"


def _number(text: str) -> str:
    """Takes the first value with a digit behind a number label."""
    for match in _NUMBER.finditer(text):
        value = match["value"].strip(" .")
        if len(value) > 1 and not _DATE.fullmatch(value):
            return value
    return "unknown"


def _dates(text: str, *, month_first: bool, order: bool) -> tuple[str, str | None]:
    """Finds the issue date (the first that is not a due date) and the due date (the last)."""
    found = list(_dated(text, month_first=month_first))
    due = [item.day for item in found if _DUE.search(item.before)]
    issued = [item.day for item in found if not _DUE.search(item.before)] or due
    if not issued:
        return "1970-01-01", None
    if order:
        return issued[0].isoformat(), None
    last = due[-1] if due else _net_days(text, issued[0])
    return issued[0].isoformat(), last.isoformat() if last else None


def _dated(text: str, *, month_first: bool) -> Iterator[_Dated]:
    """Yields each readable date with what stands before it, back to the previous date."""
    for line in text.splitlines():
        start = 0
        for match in _DATE.finditer(line):
            day = _day(match, month_first=month_first)
            if day:
                yield _Dated(day, line[start : match.start()])
                start = match.end()


def _day(match: re.Match[str], *, month_first: bool) -> date | None:
    """Turns a match of `_DATE` into a date, or None where there is no such day."""
    part = {name[0]: value for name, value in match.groupdict().items() if value}
    if "a" in part:
        first, second = int(part["a"]), int(part["b"])
        swap = (month_first and first <= 12) or second > 12
        part["d"], part["m"] = (str(second), str(first)) if swap else (str(first), str(second))
    month = int(part["m"]) if "m" in part else _month(part["n"])
    year = int(part["y"]) + (2000 if len(part["y"]) == 2 else 0)
    try:
        return date(year, month, int(part["d"]))
    except ValueError:
        return None


def _month(name: str) -> int:
    """Number of a month by the beginning of its name, 0 when unknown."""
    lowered = name.lower()
    for number, stems in enumerate(_MONTHS, start=1):
        if any(lowered.startswith(stem) for stem in stems.split()):
            return number
    return 0


def _net_days(text: str, issued: date) -> date | None:
    """Computes the due date of a plain "net N days" term."""
    match = _NET_DAYS.search(text)
    if match is None:
        return None
    return issued + timedelta(days=int(next(group for group in match.groups() if group)))


def _currency(text: str) -> str:
    """Takes the first ISO code, else the first known sign, else the euro."""
    code = _ISO.search(text)
    if code:
        return code[1]
    if re.search(r"\$", text):
        return "USD"
    if re.search(r"zł|\bPLN", text):
        return "PLN"
    return next((iso for sign, iso in _SYMBOLS.items() if sign in text), "EUR")


def _vendor(text: str) -> str:
    """Takes what follows a seller label, else the first name with a legal form."""
    labelled = _SELLER.search(text)
    if labelled and _LEGAL_FORM.search(labelled["value"]):
        return _trimmed(_LEGAL_FORM.search(labelled["value"]))
    named = _LEGAL_FORM.search(text)
    if named:
        return _trimmed(named)
    japanese = re.search(r"(?:株式|有限)会社\w+", text)
    return japanese[0] if japanese else text.strip().splitlines()[0].strip(" *-") or "unknown"


def _trimmed(match: re.Match[str] | None) -> str:
    """Cuts column gaps and ornaments off a name."""
    value = match["value"] if match else "unknown"
    return re.split(r"\s{3,}", value.strip(" *.~|-"))[-1].strip()


def _money(text: str) -> float:
    """Reads a number in any of the usual forms; the last separator decides.

    >>> _money("1.234,56"), _money("1,05,000.00"), _money("-1'560.00"), _money("88,000")
    (1234.56, 105000.0, -1560.0, 88000.0)
    """
    sign = -1 if text.strip()[:1] in "-−" else 1
    digits = re.sub(r"[^\d.,]", "", text).strip(".,")
    parts = re.split(r"[.,](?=\d{1,2}$)", digits)
    return sign * float(".".join([re.sub(r"[.,]", "", parts[0]) or "0", *parts[1:]]))


def _total(text: str) -> float:
    """Takes the last amount on the last line with a payable label, else a gross label."""
    lines = [_DATE.sub(" ", line) for line in text.splitlines()]
    for label in (_PAYABLE, _GROSS):
        for line in reversed(lines):
            found = label.search(line)
            amount = _last_amount(line[found.end() :]) if found else 0.0
            if amount and (label is _PAYABLE or not _NOT_GROSS.search(line)):
                return amount
    amounts = [_last_amount(line) for line in lines]
    return max(amounts, default=0.0)


def _last_amount(line: str) -> float:
    """Last number with two decimals on a line, else its last number, else 0."""
    numbers = [number for number in _MONEY.findall(line) if re.search(r"\d", number)]
    exact = [number for number in numbers if re.search(r"[.,]\d\d$", number)]
    chosen = (exact or numbers)[-1:]
    return _money(chosen[0]) if chosen else 0.0


def _line_items(text: str, *, positive: bool) -> list[dict[str, Any]]:
    """Reads each line that looks like an item row and not like a sum."""
    items = (_line_item(line) for line in text.splitlines())
    rows = [item for item in items if item]
    for row in rows if positive else []:
        row["amount"], row["quantity"] = abs(row["amount"]), abs(row["quantity"])
    return rows


def _line_item(line: str) -> dict[str, Any] | None:
    """Reads a row of cells: a description, perhaps a quantity, an amount at the end."""
    cells = [cell.strip(" -·,") for cell in _CELLS.split(line.replace("€ -", "€-"))]
    cells = [cell for cell in cells if cell and not re.fullmatch(r"[$£€¥]", cell)]
    if len(cells) < 2 or not (paid := _ROW_AMOUNT.match(cells[-1])):
        return None
    words = [cell for cell in cells[:-1] if re.search(r"[^\W\d]{3}", cell)]
    label = words[0] if words else ""
    if not label or any(sums.search(label) for sums in (_BELOW_ROWS, _PAYABLE, _GROSS)):
        return None
    after = cells[cells.index(label) + 1 : -1]
    description, quantity = _quantity(label, [*after, *cells[: cells.index(label)]])
    return {"description": description, "quantity": quantity, "amount": _money(paid["money"])}


def _quantity(label: str, cells: list[str]) -> tuple[str, float]:
    """Splits the quantity off a row: from a cell, else from the label's head."""
    for cell in cells:
        if match := _QUANTITY_CELL.match(cell):
            return re.sub(r"^\d{1,3}[.)]?\s+", "", label), _money(match["n"])
    if match := _LEAD_QUANTITY.match(label):
        return match["rest"].strip(" ,"), _money(match["n"])
    return label, 1.0
