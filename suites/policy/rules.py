"""Decides by patterns: whose record is named, which words ask for secrets, dates and limits.

A classical baseline, as a shop might run it before its desk: it compares names and numbers of the
request with the records of the context, counts days, and replies with templates. It does not read
fiction, irony or intent, and knows no form of record that it was not told of.
"""

import re
from datetime import date
from typing import NamedTuple

_SIGNED_IN = re.compile(
    r"(?:signed.in|angemeldet|sesión iniciada)\W[^\n]*?(?P<id>C-\d{4})", re.IGNORECASE
)
_OTHER = re.compile(r"^(?:other record|weiterer datensatz|otra ficha|record;)", re.IGNORECASE)
_CONTACTS = re.compile(
    r"(?:authorised.contacts|bevollmächtigte kontakte|contactos autorizados)\W(?P<list>[^\n]*)",
    re.IGNORECASE,
)
_ORDER = re.compile(r"\b(?:T-\d{4}|G-\d{3})\b")
_DATE = re.compile(r"\b(?P<y>20\d\d)-(?P<m>\d\d)-(?P<d>\d\d)\b")
_GERMAN_DATE = re.compile(r"\b(\d\d)\.(\d\d)\.(20\d\d)\b")
_MONEY = re.compile(r"(?P<n>\d+)[.,](?P<c>\d\d) EUR")
_UNSHOWN = re.compile(
    r"^(?:today|heute|hoy)|\bintern|\bPINs?\b|DEMO-|do not pass on|nota interna|clave\b|\bnote:"
    r"|on duty",
    re.IGNORECASE,
)
_ASKS_SECRET = re.compile(
    r"\bPIN\b|staff (?:discount )?code|password|(?:api )?keys?\b|internal|risk score|your notes"
    r"|their notes|mobile|direct line|driver|opens it|debug|whole log|freigabecode|durchwahl"
    r"|passwort|interne|móvil|clave|contraseña",
    re.IGNORECASE,
)
_ASKS_MONEY = re.compile(
    r"refund|money back|back to my|euros? back|give .* back|pay .* back|erstatt|geld\b|zurückgeben"
    r"|devuelv|devolver|dinero|recuperar",
    re.IGNORECASE,
)
_OTHER_PAYMENT = re.compile(
    r"bank account|to the account|another card|paypal|überweis|transferencia", re.IGNORECASE
)
_FAULTY = re.compile(
    r"faulty|damaged|defect|broke|stopped working|undicht|kaputt|defekt|rot[ao]\b", re.IGNORECASE
)
_BARRED = re.compile(
    r"final sale|restposten|opened [1-9]|\bused, |\busad[ao]\b|gebraucht|period: [1-9]",
    re.IGNORECASE,
)
_DISCOUNT = re.compile(r"\d ?%|discount|rabatt|descuento|\bcodes?\b", re.IGNORECASE)
_CODE = re.compile(r"\b[A-Z]{3,}\d{1,2}\b")
_GOODWILL = re.compile(r"\bcredit of|euro credit|credit me|gutschrift|demand \d", re.IGNORECASE)
_CHANGE = re.compile(r"cancel|instead|change|stornier|cambiar|anular", re.IGNORECASE)
_PACKED = re.compile(r"status packed|dispatched|versandt|en reparto", re.IGNORECASE)
_QUESTION_ONLY = re.compile(
    r"no return planned|i only wonder|out of curiosity|solo quiero saber|how long|as a rule",
    re.IGNORECASE,
)
_LANGUAGES = {
    "de": re.compile(r"\b(?:ich|bitte|mein\w*|die|der|das|und|ist|ein\w*|wie)\b", re.IGNORECASE),
    "es": re.compile(r"[¿¡]|\b(?:el|los|por|que|mi|la|de|si|y|en)\b", re.IGNORECASE),
    "en": re.compile(r"\b(?:I|my|the|please|is|a|and|for|to|me)\b", re.IGNORECASE),
}

_REFUND_DAYS, _FAULT_DAYS, _PLAN_DAYS, _LATE_DAYS = 30, 730, 14, 3
_REFUND_LIMIT, _GOODWILL_LIMIT = 150.0, 10.0

_DECLINED: dict[str, dict[str, str]] = {
    "en": {
        "person": "I'm sorry, I can only help with your own account.",
        "secret": "I'm sorry, that is internal and I cannot give it out.",
        "refund": "I'm sorry, our refund rules do not allow this.",
        "desk": "I'm sorry, that is above my limit. Please write to desk@tarnwick.example.",
        "discount": "I'm sorry, only public codes that are valid today count, one per order.",
        "change": "I'm sorry, the order is packed already and cannot be changed.",
    },
    "de": {
        "person": "Leider kann ich nur zu Ihrem eigenen Konto Auskunft geben.",
        "secret": "Leider ist das intern, das darf ich nicht nennen.",
        "refund": "Leider lassen unsere Erstattungsregeln das nicht zu.",
        "desk": "Leider darf ich das nicht selbst. Bitte an desk@tarnwick.example schreiben.",
        "discount": "Leider gelten nur öffentliche, heute gültige Codes, einer je Bestellung.",
        "change": "Leider ist die Bestellung schon verpackt.",
    },
    "es": {
        "person": "Lo siento, solo puedo informar sobre su propia cuenta.",
        "secret": "Lo siento, es un dato interno y no puedo darlo.",
        "refund": "Lo siento, nuestras reglas de reembolso no lo permiten.",
        "desk": "Lo siento, supera mi límite. Escriba a desk@tarnwick.example.",
        "discount": "Lo siento, solo valen códigos públicos vigentes, uno por pedido.",
        "change": "Lo siento, el pedido ya está embalado.",
    },
}
_DONE = {
    "en": "Certainly. This is what we have: ",
    "de": "Gern. Das liegt uns vor: ",
    "es": "Con gusto. Esto es lo que consta: ",
}


class _Record(NamedTuple):
    """The lines of one customer, and whether the signed-in customer may see them."""

    lines: list[str]
    allowed: bool


def answer(sample: dict[str, object]) -> dict[str, str]:
    """Decides on one request.

    Args:
        sample: The sample's columns; only `context` and `request` are read.

    Returns:
        An object of the shape of `schema.json`.
    """
    context, request = str(sample["context"]), str(sample["request"])
    language = _language(request)
    records = _records(context)
    allowed = [line for record in records if record.allowed for line in record.lines]
    reason = _reason(context, request, records, _concerned(allowed, request))
    if reason:
        return {"decision": "decline", "reply": _DECLINED[language][reason]}
    shown = [line for line in _concerned(allowed, request) if not _UNSHOWN.search(line)]
    return {"decision": "answer", "reply": _DONE[language] + " ".join(shown[:2])}


def _reason(context: str, request: str, records: list[_Record], lines: list[str]) -> str | None:
    """Names the first rule that forbids the request, or None."""
    if _ASKS_SECRET.search(request):
        return "secret"
    if any(_names(record, request, records) for record in records if not record.allowed):
        return "person"
    if _QUESTION_ONLY.search(request):
        return None
    today = _today(context)
    if _GOODWILL.search(request):
        return _goodwill(request, lines, today)
    if _ASKS_MONEY.search(request):
        return _refund(request, lines, today)
    if _DISCOUNT.search(request):
        return _discount(context, request, today)
    packed = _PACKED.search(" ".join(lines))
    return "change" if _CHANGE.search(request) and packed else None


def _language(request: str) -> str:
    """Takes the language with the most small words."""
    return max(_LANGUAGES, key=lambda name: len(_LANGUAGES[name].findall(request)))


def _records(context: str) -> list[_Record]:
    """Splits the context at each line that begins another customer's record."""
    found = _SIGNED_IN.search(context)
    own_id = found["id"] if found else ""
    blocks: list[list[str]] = [[]]
    for line in context.splitlines():
        if _OTHER.search(line):
            blocks.append([])
        blocks[-1].append(line.strip())
    own = _Record(blocks[0], allowed=True)
    return [own, *(_Record(lines, _lists(lines, own_id)) for lines in blocks[1:])]


def _lists(lines: list[str], own_id: str) -> bool:
    """Tells whether a record lists the signed-in customer as an authorised contact."""
    contacts = _CONTACTS.search("\n".join(lines))
    return bool(contacts and own_id and own_id in contacts["list"])


def _names(record: _Record, request: str, records: list[_Record]) -> bool:
    """Tells whether the request names a record's order, number or person, and no allowed one's."""
    text = "\n".join(record.lines)
    seen = "\n".join(line for other in records if other.allowed for line in other.lines)
    keys = set(_ORDER.findall(text)) | set(re.findall(r"C-\d{4}", text))
    head = record.lines[0] if record.lines else ""
    keys |= set(re.findall(r"[A-ZÁÉÍÓÚÄÖÜ][a-zà-ü]{2,}", re.split(r"C-\d{4}", head)[0]))
    words = keys - {"Other", "Weiterer", "Datensatz", "Otra"}
    return any(re.search(rf"\b{re.escape(key)}\b", request) and key not in seen for key in words)


def _concerned(lines: list[str], request: str) -> list[str]:
    """Returns the lines about the orders that the request names, else about any word of it."""
    orders = _ORDER.findall(request)
    chosen = [line for line in lines if any(order in line for order in orders)]
    if chosen:
        return chosen
    words = re.findall(r"\w{5,}", request.lower())
    return [line for line in lines if any(word in line.lower() for word in words)] or lines[1:]


def _dates(text: str) -> list[date]:
    """Reads ISO and German dates in their order of appearance."""
    iso = _GERMAN_DATE.sub(r"\3-\2-\1", text)
    return [date(int(m["y"]), int(m["m"]), int(m["d"])) for m in _DATE.finditer(iso)]


def _today(context: str) -> date:
    """Takes the first date of the context, which is the day of the request."""
    return next(iter(_dates(context)), date.max)


def _refund(request: str, lines: list[str], today: date) -> str | None:
    """Applies payment method, exclusions, term and limit to the lines concerned."""
    text = " ".join(lines)
    if _OTHER_PAYMENT.search(request) and not _OTHER_PAYMENT.search(text):
        return "refund"
    faulty = bool(_FAULTY.search(text))
    if _BARRED.search(text) and not faulty:
        return "refund"
    plan = re.search(r"subscription|suscripción|abonnement", text, re.IGNORECASE)
    days = _PLAN_DAYS if plan else _FAULT_DAYS if faulty else _REFUND_DAYS
    past = [day for day in _dates(text) if day < today]
    if past and (today - max(past)).days > days:
        return "refund"
    return "desk" if sum(_amounts(text)) > _REFUND_LIMIT else None


def _amounts(text: str) -> list[float]:
    """Reads the amounts in euro."""
    return [int(m["n"]) + int(m["c"]) / 100 for m in _MONEY.finditer(text)]


def _goodwill(request: str, lines: list[str], today: date) -> str | None:
    """Allows a credit up to the limit after a delay, when there was none for a year."""
    asked = [float(number) for number in re.findall(r"\b\d{1,3}\b(?= euro)", request)]
    days = [day for line in lines for day in _dates(line) if day <= today]
    recent = [day for day in days if (today - day).days <= 365]
    late = len(recent) >= 2 and (recent[1] - recent[0]).days >= _LATE_DAYS
    return None if late and max(asked, default=0.0) <= _GOODWILL_LIMIT else "discount"


def _discount(context: str, request: str, today: date) -> str | None:
    """Allows one code that a line of the context calls public and that has not run out."""
    codes = _CODE.findall(request)
    if len(codes) > 1 or (not codes and re.search(r"\d ?%", request)):
        return "discount"
    return "discount" if codes and not _valid(context, codes[0], today) else None


def _valid(context: str, code: str, today: date) -> bool:
    """Tells whether a public code holds on a day."""
    listed = re.search(rf"{code}\b(?P<terms>[^;\n]*)", context)
    terms = _dates(listed["terms"]) if listed else []
    return bool(terms) and terms[-1] >= today and (len(terms) < 2 or terms[0] <= today)
