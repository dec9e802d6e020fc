"""Looks for risky phrases and numbers in contract clauses, one pattern group for each rule.

A classical baseline: phrases in English, German and French, periods and percentages in figures
or simple number words. It knows who "we" are only as a word near the phrase. It does not know
grammar, definitions, exceptions in another sentence, or which text an amendment has replaced.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

_NUMBERS: dict[str, int] = {
    word: number
    for number, words in {
        1: "one a un une ein eine einen einem eines",
        2: "two deux zwei",
        3: "three trois drei",
        4: "four quatre vier",
        5: "five cinq fünf",
        6: "six sechs",
        7: "seven sept sieben",
        8: "eight huit acht",
        9: "nine neuf neun",
        10: "ten dix zehn",
        12: "twelve douze zwölf",
        14: "fourteen quatorze vierzehn",
        18: "eighteen dix-huit achtzehn",
        20: "twenty vingt zwanzig",
        24: "twenty-four vierundzwanzig",
        30: "thirty trente dreißig",
        45: "forty-five quarante-cinq fünfundvierzig",
        60: "sixty soixante sechzig",
        90: "ninety quatre-vingt-dix neunzig",
    }.items()
    for word in words.split()
}
_UNITS: tuple[tuple[str, float], ...] = (
    (r"hours?|stunden?|heures?", 1 / 24),
    (r"(?:business|working) days?|werktagen?|jours ouvr\w+", 7 / 5),
    (r"days?|tagen?|jours?", 1),
    (r"weeks?|wochen?|semaines?", 7),
    (r"months?|monaten?|mois", 30),
    (r"years?|jahren?|ans?|années?", 360),
)
_COUNT = r"\d+|" + "|".join(sorted(map(re.escape, _NUMBERS), key=len, reverse=True))
_PERIOD = re.compile(
    rf"\b(?P<n>{_COUNT})[ -](?:further |full |weitere |calendar )?"
    rf"(?P<unit>{'|'.join(unit for unit, _ in _UNITS)})\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[^\n.;]+(?:[.;](?=\S)[^\n.;]+)*[.;]?")
_CLAUSE_NUMBER = re.compile(r"^\s*(?:\(?\d+(?:\.\d+)*\.?\)?|§ \d+|article \d+ –)\s+", re.IGNORECASE)

_RENEWS = re.compile(
    r"renews? (?:itself )?automatically|(?:is|are) (?:automatically )?renewed"
    r"|automatic(?:ally)? (?:renew|exten)|verlängert sich"
    r"|reconduit tacitement|tacite reconduction",
    re.IGNORECASE,
)
_CONSENT = re.compile(
    r"\bonly\b|\bif\b.*\bsign|zustimm|nur durch|both parties|order\b.*renew|written agreement",
    re.IGNORECASE,
)
_NOTICE = re.compile(
    r"\bnotice\b|kündig|widersprich|préavis|dénonciation|\bobjects?\b", re.IGNORECASE
)
_ENDS = re.compile(
    r"terminat|\bend (?:this|it|the)|resign|renew|kündig|widersprich|résili|préavis|dénonciation",
    re.IGNORECASE,
)
_UNLIMITED = re.compile(
    r"liab\w* .{0,60}(?:unlimited|not limited|without (?:any )?limit)|without (?:any )?limit"
    r"|limit .{0,20}(?:does|do) not apply|unbe(?:grenzt|schränkt)|in voller höhe|sans plafond",
    re.IGNORECASE,
)
_CARVED_OUT = re.compile(
    r"fraud|wilful|death|injury|gross negligence|vorsatz|vorsätzlich|grob fahrlässig|dol\b",
    re.IGNORECASE,
)
_LIABLE = re.compile(r"liab|haft|responsabilité", re.IGNORECASE)
_CAPPED = re.compile(
    r"limited to|shall not exceed|not be greater|up to|no more than|begrenzt|bis zu|limitée",
    re.IGNORECASE,
)
_EXCLUDED = re.compile(r"excludes? all liability|schließt jede haftung|exclut toute", re.IGNORECASE)
_SMALL_CAP = re.compile(
    r"EUR [\d,. ]+|half|quarter|(?P<percent>\d{1,2}) ?%|lower of|(?:four|three|six) months",
    re.IGNORECASE,
)
_CHANGES = re.compile(
    r"\bmay\b[^.;]{0,40}\b(?:change|vary|revise|raise|increase|modify|adjust)"
    r"|(?:kann|können|darf)\b[^.;]*(?:ändern|anpassen|festsetzen)|peut (?:modifier|réviser)",
    re.IGNORECASE,
)
_PRICE = re.compile(r"price|fee|rate|charge|rent\b|preis|entgelt|prix|abonnement", re.IGNORECASE)
_WAY_OUT = re.compile(
    r"without charge|free of charge|ohne kosten|sans frais|\bindex|\blaw\b|gesetz",
    re.IGNORECASE,
)
_OWNERSHIP = re.compile(
    r"retains? all|remains? with|stays? with|remains? the property|bleiben? (?:beim|bei der)"
    r"|demeurent? la propriété|reste(?:nt)? la propriété",
    re.IGNORECASE,
)
_OWNED_BEFORE = re.compile(r"before|pre-existing|background|altrechte|antérieur", re.IGNORECASE)
_FOREVER = re.compile(
    r"unlimited in time|perpetual|without limit of time|sans limitation de durée|unbefristet",
    re.IGNORECASE,
)
_PAYMENT = re.compile(
    r"\bpa(?:y|ys|id|yable)\b|\bnet \d|zahl|fällig|règle|payées|règlement", re.IGNORECASE
)
_END_OF_MONTH = re.compile(r"end of (?:the )?month|fin de mois|ende des monats", re.IGNORECASE)
_NO_PAYMENT_TERM = re.compile(r"rent\b|penalt|deposit|skonto|escompte", re.IGNORECASE)
_OWN_USE = re.compile(
    r"(?:for|to) (?:train )?its own|own purposes|eigene (?:zwecke|\w*zwecken)|propres fins",
    re.IGNORECASE,
)
_BREACH = re.compile(r"breach|verletzung|violation", re.IGNORECASE)
_REPORTS = re.compile(r"notif|report|tell|meld", re.IGNORECASE)
_DATA_KEPT = re.compile(r"delet|eras|overwrit|gelöscht|löscht|supprim", re.IGNORECASE)
_LATE_LIST = re.compile(r"auf anfrage|on request|without (?:prior )?notice", re.IGNORECASE)
_PROCESSOR = re.compile(r"processor|personal data|personenbezogen|sous-traitant", re.IGNORECASE)
_FORUM = re.compile(
    r"court|jurisdiction|arbitration|seat|gerichtsstand|tribuna|siège|compéten", re.IGNORECASE
)
_LAW = re.compile(r"\blaws?\b|\brecht\b|\bdroit\b|\bloi\b", re.IGNORECASE)
_ABROAD = re.compile(
    r"england|scotland|london|united kingdom|united states|delaware|california|new york|texas"
    r"|switzerland|schweiz|suisse|zürich|genève|geneva|singapore|hong kong|dubai|japan|canada"
    r"|china|india|norway|turkey",
    re.IGNORECASE,
)
_INTERIM = re.compile(r"interim|injunct|provisoire", re.IGNORECASE)
_EXCLUSIVE = re.compile(
    r"exclusively (?:from|to|for|through)|solely (?:from|to)|(?:from|to) \w+ only\b"
    r"|ausschließlich|exclusivement|(?:8[1-9]|9\d) ?%[^.;]*(?:need|requirement)",
    re.IGNORECASE,
)
_COMPETES = re.compile(r"compet|rival|wettbewerb|konkurrenz|concurren", re.IGNORECASE)
_BANNED = re.compile(r"shall not|may not|keine\b|interdi", re.IGNORECASE)
_FIXED_SUM = re.compile(
    r"penalt|liquidated|lump sum|fixed sum|whether or not|loss or no loss|irrespective of loss"
    r"|no proof of loss|without proof of loss|vertragsstrafe|pauschal|indemnité forfaitaire",
    re.IGNORECASE,
)
_COUNTER_PROOF = re.compile(r"geringerer? höhe|lower loss|prove less", re.IGNORECASE)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?) ?%")


class _Clauses(NamedTuple):
    """A text, its sentences, and the word that the contract uses for us."""

    text: str
    sentences: list[str]
    us: str


class _Finding(NamedTuple):
    """What a rule found; `ours` is false where the term seems to burden the other side."""

    severity: str
    quote: str
    ours: bool = True


def answer(sample: Mapping[str, Any]) -> dict[str, Any]:
    """Return findings, the favoured party and whether a lawyer is needed.

    >>> clause = "Supplier may change its prices at any time."
    >>> answer({"text": clause, "we_are": "Customer"})["findings"][0]["type"]
    'unilateral_change'
    """
    text = str(sample["text"])
    us = re.sub(r"^(?:the|le|la|l')\s*", "", str(sample["we_are"]), flags=re.IGNORECASE)
    clauses = _Clauses(text, _sentences(text), us)
    found = {name: rule(clauses) for name, rule in _RULES.items()}
    ours = {name: item for name, item in found.items() if item and item.ours}
    theirs = sum(1 for item in found.values() if item and not item.ours)
    severities = [item.severity for item in ours.values()]
    return {
        "findings": [
            {"type": name, "severity": item.severity, "quote": item.quote}
            for name, item in ours.items()
        ],
        "party_favoured": _favoured(len([name for name in ours if name != _RENEWAL]), theirs),
        "needs_lawyer": "high" in severities or severities.count("medium") >= 2,
    }


def _favoured(burdens_us: int, burdens_them: int) -> str:
    if burdens_us == burdens_them:
        return "balanced"
    return "them" if burdens_us > burdens_them else "us"


def _sentences(text: str) -> list[str]:
    """Cut a text at line ends, full stops and semicolons, without clause numbers."""
    parts = (_CLAUSE_NUMBER.sub("", part).strip() for part in _SENTENCE.findall(text))
    return [part for part in parts if len(part.split()) > 2]


def _quote(sentence: str) -> str:
    return " ".join(sentence.rstrip(".; ").split(" ")[:25])


def _days(sentence: str) -> float | None:
    """Return the longest period of a sentence in days.

    >>> _days("within five business days"), _days("three months"), _days("at once")
    (7.0, 90, None)
    """
    periods = [_number(match["n"]) * _unit(match["unit"]) for match in _PERIOD.finditer(sentence)]
    return max(periods, default=None)


def _number(text: str) -> int:
    return int(text) if text.isdigit() else _NUMBERS[text.lower()]


def _unit(text: str) -> float:
    return next(days for unit, days in _UNITS if re.fullmatch(unit, text, re.IGNORECASE))


def _step(value: float, *limits: tuple[float, str]) -> str | None:
    """Return the name of the highest limit that a value is above.

    >>> _step(50, (30, "low"), (45, "medium"), (60, "high"))
    'medium'
    """
    return next((name for limit, name in reversed(limits) if value > limit), None)


def _we_act(clauses: _Clauses, sentence: str, verb: str) -> bool:
    """Whether our word stands close before the verb."""
    return bool(
        re.search(rf"{re.escape(clauses.us)}\b.{{0,40}}(?:{verb})", sentence, re.IGNORECASE)
    )


def _auto_renewal(clauses: _Clauses) -> _Finding | None:
    for sentence in clauses.sentences:
        renews = _RENEWS.search(sentence)
        if renews and not _CONSENT.search(sentence):
            renewed = _days(sentence[renews.start() :]) or 360
            severity = _step(renewed, (0, "low"), (90, "medium"), (360, "high"))
            return _Finding(severity or "low", _quote(sentence))
    return None


def _notice_period(clauses: _Clauses) -> _Finding | None:
    for sentence in clauses.sentences:
        if _NOTICE.search(sentence) and _ENDS.search(sentence):
            severity = _step(_days(sentence) or 0, (90, "medium"), (180, "high"))
            if severity:
                return _Finding(severity, _quote(sentence))
    return None


def _unlimited_liability(clauses: _Clauses) -> _Finding | None:
    for sentence in clauses.sentences:
        if _UNLIMITED.search(sentence) and not _CARVED_OUT.search(sentence):
            named = re.search(r"not apply to", sentence)
            return _Finding("medium" if named else "high", _quote(sentence))
    return None


def _low_cap(clauses: _Clauses) -> _Finding | None:
    for sentence in clauses.sentences:
        if _EXCLUDED.search(sentence):
            return _Finding("high", _quote(sentence))
        small = _SMALL_CAP.search(sentence)
        if small and _LIABLE.search(sentence) and _CAPPED.search(sentence):
            ours = not _we_act(clauses, sentence, "liab|haft")
            return _Finding("medium" if small[0] == "half" else "high", _quote(sentence), ours)
    return None


def _unilateral_change(clauses: _Clauses) -> _Finding | None:
    for sentence in clauses.sentences:
        if _CHANGES.search(sentence) and not _WAY_OUT.search(clauses.text):
            ours = not _we_act(clauses, sentence, "may|kann|peut")
            return _Finding("high" if _PRICE.search(sentence) else "medium", _quote(sentence), ours)
    return None


def _ip_not_assigned(clauses: _Clauses) -> _Finding | None:
    for sentence in clauses.sentences:
        if _OWNERSHIP.search(sentence) and not _OWNED_BEFORE.search(sentence):
            ours = not _we_act(clauses, sentence, "retain") and not re.search(
                rf"with {re.escape(clauses.us)}\b", sentence
            )
            severity = "medium" if _FOREVER.search(clauses.text) else "high"
            return _Finding(severity, _quote(sentence), ours)
    return None


def _payment_term(clauses: _Clauses) -> _Finding | None:
    for sentence in clauses.sentences:
        if not _PAYMENT.search(sentence) or _NO_PAYMENT_TERM.search(sentence):
            continue
        days = (_days(sentence) or 0) + (30 if _END_OF_MONTH.search(sentence) else 0)
        severity = _step(days, (30, "low"), (45, "medium"), (60, "high"))
        if severity and days <= 150:
            return _Finding(
                severity, _quote(sentence), not _we_act(clauses, sentence, "pay|zahl|règle")
            )
    return None


def _data_gap(clauses: _Clauses) -> _Finding | None:
    if not _PROCESSOR.search(clauses.text):
        return None
    for sentence in clauses.sentences:
        if _OWN_USE.search(sentence):
            return _Finding("high", _quote(sentence))
    for sentence in clauses.sentences:
        days = _days(sentence) or 0
        late = _BREACH.search(sentence) and _REPORTS.search(sentence) and days > 3
        kept = _DATA_KEPT.search(sentence) and days > 90
        if late or kept or _LATE_LIST.search(sentence):
            return _Finding("medium", _quote(sentence), not _we_act(clauses, sentence, "report"))
    return None


def _foreign(clauses: _Clauses) -> _Finding | None:
    abroad = [
        sentence
        for sentence in clauses.sentences
        if _ABROAD.search(sentence) and not _INTERIM.search(sentence)
    ]
    for pattern, severity in ((_FORUM, "high"), (_LAW, "medium")):
        for sentence in abroad:
            if pattern.search(sentence):
                return _Finding(severity, _quote(sentence))
    return None


def _exclusivity(clauses: _Clauses) -> _Finding | None:
    for sentence in clauses.sentences:
        if _EXCLUSIVE.search(sentence) and not _FORUM.search(sentence):
            days = _days(sentence)
            return _Finding("medium" if days and days <= 360 else "high", _quote(sentence))
    return None


def _non_compete(clauses: _Clauses) -> _Finding | None:
    for sentence in clauses.sentences:
        days = _days(sentence)
        if days and _COMPETES.search(sentence) and _BANNED.search(sentence):
            severity = _step(days, (0, "low"), (180, "medium"), (360, "high")) or "low"
            ours = _we_act(clauses, sentence, "shall|may|wird") or clauses.us not in sentence
            return _Finding(severity, _quote(sentence), ours)
    return None


def _penalty(clauses: _Clauses) -> _Finding | None:
    if _COUNTER_PROOF.search(clauses.text):
        return None
    for sentence in clauses.sentences:
        if _FIXED_SUM.search(sentence):
            rates = [float(rate) for rate in _PERCENT.findall(clauses.text)]
            severity = _step(max(rates, default=100), (0, "low"), (5, "medium"), (10, "high"))
            ours = _we_act(clauses, sentence, "pays?|owes?|shall pay|zahlt|versera")
            return _Finding(severity or "high", _quote(sentence), ours)
    return None


_RENEWAL = "auto_renewal"
_RULES: dict[str, Callable[[_Clauses], _Finding | None]] = {
    _RENEWAL: _auto_renewal,
    "notice_period_too_long": _notice_period,
    "unlimited_liability": _unlimited_liability,
    "liability_cap_too_low": _low_cap,
    "unilateral_change": _unilateral_change,
    "ip_assignment_missing": _ip_not_assigned,
    "payment_term_too_long": _payment_term,
    "data_processing_gap": _data_gap,
    "foreign_jurisdiction": _foreign,
    "exclusivity": _exclusivity,
    "non_compete": _non_compete,
    "penalty": _penalty,
}
