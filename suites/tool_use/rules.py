"""Keywords and regular expressions that turn a desk request into function calls.

Each function of `tools.json` has words that announce it and a reader for its arguments; a call is
made only where all required arguments were found. The module knows plain dates, clock times,
durations and quantities in English, German, French and Spanish. It does not know grammar:
negation, corrected wishes and words for numbers beyond the first few mislead it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

Call = dict[str, Any]

_QUOTED = re.compile(
    r"^>.*$|^-{2,}.*(?:forwarded|original|weitergeleitet|transféré|reenviado)[\s\S]*",
    re.IGNORECASE | re.MULTILINE,
)
_SPEECH = re.compile(r"[\"„“«]\s*(?P<said>[^\"“”«»]{3,80}?)\s*[\"“”»]")
_ROOM = re.compile(r"\b(Aula|Birch|Cedar|Dune|Elm)\b", re.IGNORECASE)
_ID = re.compile(r"\b\d{6}\b")
_COST_CENTRE = re.compile(r"\b0\d{3}\b")
_DAYS = (
    (r"day after tomorrow|übermorgen|après-demain|pasado mañana", 2),
    (r"\b(?:tomorrow|morgen|demain)\b|(?:para|desde) mañana", 1),
    (r"\b(?:today|heute|aujourd'hui|hoy)\b", 0),
)
_WEEKDAYS = (
    r"\b(?:monday|mon|montag|lundi|lunes)\b",
    r"\b(?:tuesday|dienstag|mardi|martes)\b",
    r"\b(?:wednesday|mittwoch|mercredi|miércoles)\b",
    r"\b(?:thursday|donnerstag|jeudi|jueves)\b",
    r"\b(?:friday|freitag|vendredi|viernes)\b",
    r"\b(?:saturday|samstag|samedi|sábado)\b",
    r"\b(?:sunday|sonntag|dimanche|domingo)\b",
)
_MONTHS = (
    "january januar janvier enero",
    "february februar février febrero",
    "march märz mars marzo",
    "april avril abril",
    "may mai mayo",
    "june juni juin junio",
    "july juli juillet julio",
    "august août agosto",
    "september septembre septiembre",
    "october oktober octobre octubre",
    "november novembre noviembre",
    "december dezember décembre diciembre",
)
_NUMERIC_DAY = re.compile(r"\b(\d{1,2})[./](\d{1,2})[./]?(20\d\d)?")
_NAMED_DAY = re.compile(r"\b(\d{1,2})\.?(?:st|nd|rd|th)? (?:of |de )?([^\W\d_]{3,})")
_CLOCK = re.compile(
    r"(?<![\d.,])(?P<h>\d{1,2})(?:[:.](?P<m>\d\d)(?!\d|\.)| ?h(?: ?(?P<m2>\d\d))?(?!\w)| ?Uhr)"
    r"(?: Uhr)?|(?<![\d.,])(?P<h12>\d{1,2})(?::(?P<m12>\d\d))? ?(?P<half>[ap])\.?m\b",
    re.IGNORECASE,
)
_NUMBER_WORDS = (
    r"an|a|one|eine?n?|une?|una?|uno",
    r"two|zwei|deux|dos",
    r"three|drei|trois|tres",
    r"four|vier|quatre|cuatro",
    r"five|fünf|cinq|cinco",
    r"six|sechs|seis",
)
_COUNT = r"(?P<n>\d[\d., ]*|" + "|".join(_NUMBER_WORDS) + ")"
_HOURS = re.compile(rf"\b{_COUNT} (?:hours?|stunden?|heures?|horas?)\b", re.IGNORECASE)
_MINUTES = re.compile(r"\b(\d+) ?(?:minut\w*|min)\b", re.IGNORECASE)
_LENGTHS = (
    (r"hour and a half|anderthalb|heure et demie|hora y media", 90),
    (r"half an hour|halbe stunde|demi-heure|media hora", 30),
)
_N_DAYS = re.compile(rf"\b{_COUNT} (?:days?|tage?|jours?|días?)\b", re.IGNORECASE)
_PEOPLE = re.compile(r"\b(\d+) (?:people|personen|personnes|personas|leute)|persons: (\d+)", re.I)
_FLOOR = re.compile(
    r"(?:floor|etage|planta|étage|stock)s?:? (-?\d)|(\d)(?:st|nd|rd|th|e)? (?:floor|étage|stock)",
    re.IGNORECASE,
)
_FLOOR_WORDS = (
    (r"ground floor|erdgeschoss|rez-de-chaussée|planta baja", 0),
    (r"basement|keller|sous-sol|sótano", -1),
    (r"first floor|ersten stock|premier étage|primera planta", 1),
    (r"second floor|zweiten stock|deuxième étage|segunda planta", 2),
    (r"third floor|dritten stock|troisième étage|tercera planta", 3),
    (r"fourth floor|vierten stock|quatrième étage|cuarta planta", 4),
    (r"fifth floor|fünften stock|cinquième étage|quinta planta", 5),
)
_BUILDINGS = {
    "north": r"\bnorth|\bnord|\bnorte",
    "south": r"\bsouth|\bsüd|\bsud\b|\bsur\b",
    "annex": r"\bannex|anbau|\banexo",
}
_FAULTS = {
    "heating": r"heating|heizung|chauffage|calefacción",
    "lighting": r"\blights?\b|lamp|licht|lumi[eè]re|\bluz\b|luces",
    "plumbing": r"leak|\btap\b|toilet|wasserhahn|fuite|tubería|gotea",
    "lift": r"\blift\b|elevator|aufzug|ascenseur|ascensor",
    "cleaning": r"\bclean|schmutz|reinig|nettoy|limpiar",
    "network": r"wi-?fi|wlan|network|netz\b|réseau",
}
_URGENT = re.compile(r"urgent|dringend: ja|\bdringend\b|urgente", re.IGNORECASE)
_SUPPLIES = {
    "paper": r"reams?|ries|ramettes?|resmas?",
    "pens": r"box(?:es)? of pens|boîtes? de stylos|cajas de bolígrafos",
    "toner": r"toner cartridges?|cartridges of toner|toner|tóner|cartuchos",
    "coffee": r"kg (?:of |de )?(?:coffee|kaffee|café)|kilo kaffee",
    "tea": r"boxes of tea|schachteln tee|cajas de té",
    "batteries": r"packungen batterien|packs of batteries|paquetes de pilas",
}
_CURRENCIES = {
    "CHF": r"swiss francs?|schweizer franken|francos suizos|francs suisses|\bchf\b",
    "GBP": r"pounds?|pfund|livres|libras|\bgbp\b",
    "CAD": r"canadian dollars?|dollars canadiens|dólares canadienses",
    "USD": r"us dollars?|us-dollar|dólares|\busd\b",
    "JPY": r"\byens?\b|\bjpy\b",
    "PLN": r"zloty|\bpln\b",
    "SEK": r"swedish kron|schwedische kron|couronnes suédoises|coronas suecas",
    "EUR": r"euros?\b|\beur\b",
}
_NAME = r"(?P<name>[A-ZÀ-Ý][\w'-]+ [A-ZÀ-Ý][\w'-]+)"
_DETAILS = {
    "phone": r"phone|telefon|\btel\b|téléphone|teléfono|nummer|mobile",
    "email": r"e-?mail|correo",
    "office": r"\boffice\b|büro|bureau|despacho",
}
_CITIES = re.compile(
    r"(?:from|von:?|de) (?P<a>[A-Z]\w+)\s+(?:to|nach:?|à|a) (?P<b>[A-Z]\w+)",
)
_AFTER = re.compile(r"after|nach|après|después", re.IGNORECASE)
_BEFORE = re.compile(r"arriv|ankunft|llegada|spätestens", re.IGNORECASE)
_CLASSES = {
    "first": r"first class|erste klasse|klasse: 1|première|primera",
    "second": r"second class|zweite klasse|seconde|segunda",
}
_VEHICLES = {
    "van": r"\bvan\b|transporter|camionnette|furgoneta",
    "bike": r"\bbikes?\b|fahrrad|vélo|bicicleta",
    "car": r"\bcar\b|\bauto\b|voiture|\bcoche\b",
}
_LEAVES = {
    "unpaid": r"unpaid|unbezahlt|sans solde|sin sueldo",
    "study": r"study leave|bildungsurlaub|formation|estudios",
    "annual": r"annual leave|urlaub\b|congé annuel|vacaciones",
}
_RULES = re.compile(r"\brules?\b|rule book|policy|regeln?\b|hausregel|la règle|norma\b", re.I)
_TOPICS = {
    "expenses": r"expense|spesen|\bbill\b|notes? (?:de frais|d'hôtel)|gastos",
    "home_office": r"home office|working from home|homeoffice|télétravail|teletrabajo",
    "parking": r"parking|parken|parkplatz|stationnement|aparcar",
    "visitors": r"visitor|besuch|gäste|visiteur|visitas",
    "leave": r"\bleave\b|urlaub|congés|vacaciones",
    "safety": r"safety|sicherheit|sécurité|seguridad",
}
_REMIND = re.compile(r"\bremind|erinner|rappel|recuérd|recordar", re.IGNORECASE)
_CANCEL = re.compile(r"cancel|storn|annul|absagen|anular", re.IGNORECASE)
_MOVE = re.compile(r"\bmove\b|verschieb|verleg|schieben|décal|déplac|cambiar|aplaz", re.IGNORECASE)
_TRAINS = re.compile(r"\btrains?\b|züge|\bzug\b|\btren(?:es)?\b", re.IGNORECASE)


def answer(sample: Mapping[str, Any]) -> list[Call] | str:
    """Reads one message.

    Args:
        sample: The sample's columns; `text` and `today` are read.

    Returns:
        The calls; a sentence where no function's words and arguments were found.
    """
    text = _QUOTED.sub("", str(sample["text"])).strip()
    today = date.fromisoformat(str(sample["today"]))
    readers: tuple[Callable[[str, date], Iterator[Call]], ...] = (
        _reminders, _bookings, _rooms, _tickets, _supplies, _people,
        _amounts, _trains, _vehicles, _leave, _policies,
    )  # fmt: skip
    calls = [call for reader in readers for call in reader(text, today)]
    return calls or "There is nothing that I can call."


def _call(function: str, /, **arguments: Any) -> Call:
    """Builds a call without the arguments that were not found."""
    given = {key.rstrip("_"): value for key, value in arguments.items() if value is not None}
    return {"name": function, "arguments": given}


def _reminders(text: str, today: date) -> Iterator[Call]:
    """Reads a reminder: a day, a time and quoted words."""
    said, day, times = _SPEECH.search(text), _day(text, today), _times(text)
    if _REMIND.search(text) and said and day and times:
        yield _call("set_reminder", date=day, time=times[0], text=said["said"])


def _bookings(text: str, today: date) -> Iterator[Call]:
    """Reads a booking that is to be moved, else those that are to be cancelled."""
    numbers = _ID.findall(text)
    if numbers and _MOVE.search(text):
        time = next(iter(_times(text)), None)
        yield _call("move_booking", booking_id=numbers[0], date=_day(text, today), start=time)
    elif _CANCEL.search(text):
        for number in numbers:
            yield _call("cancel_booking", booking_id=number)


def _rooms(text: str, today: date) -> Iterator[Call]:
    """Reads one room with its day, start and length."""
    room, day, times = _ROOM.search(text), _day(text, today), _times(text)
    minutes = _length(text, times)
    if room and day and times and minutes:
        people = _PEOPLE.search(text)
        count = int(people[1] or people[2]) if people else None
        name = room[0].capitalize()
        yield _call("book_room", room=name, date=day, start=times[0], minutes=minutes, people=count)


def _tickets(text: str, _: date) -> Iterator[Call]:
    """Reads each kind of fault that is named with a building and a floor."""
    building, floor = _first(_BUILDINGS, text), _floor(text)
    if building is None or floor is None:
        return
    urgent = True if _URGENT.search(text) else None
    for category, words in _FAULTS.items():
        if re.search(words, text, re.IGNORECASE):
            yield _call(
                "create_ticket", building=building, floor=floor, category=category, urgent=urgent
            )


def _supplies(text: str, _: date) -> Iterator[Call]:
    """Reads an order: counted items and a cost centre."""
    centre = _COST_CENTRE.search(text)
    items = []
    for item, words in _SUPPLIES.items():
        found = re.search(rf"\b{_COUNT} ?(?:{words})\b", text, re.IGNORECASE)
        if found and (count := _count(found["n"])):
            items.append({"item": item, "quantity": count})
    if centre and items:
        yield _call("order_supplies", items=items, cost_centre=centre[0])


def _people(text: str, _: date) -> Iterator[Call]:
    """Reads the first name of two words and each detail that is asked for."""
    name = re.search(_NAME, text[1:])
    if name is None:
        return
    for detail, words in _DETAILS.items():
        if re.search(words, text, re.IGNORECASE):
            yield _call("find_person", name=name["name"], detail=detail)


def _amounts(text: str, _: date) -> Iterator[Call]:
    """Reads amounts in a currency, and the other currency that is named last."""
    spots = sorted(
        (match.start(), code, match[0])
        for code, words in _CURRENCIES.items()
        for match in re.finditer(words, text, re.IGNORECASE)
    )
    if len(spots) < 2:
        return
    target = spots[-1][1]
    for start, code, _word in spots:
        amount = re.search(r"(\d[\d., ]*?) ?$", text[:start])
        if amount and code != target:
            yield _call("convert_currency", amount=_count(amount[1]), from_=code, to=target)


def _trains(text: str, today: date) -> Iterator[Call]:
    """Reads two cities, a day and perhaps a time and a class."""
    cities, day, times = _CITIES.search(text), _day(text, today), _times(text)
    if not (_TRAINS.search(text) and cities and day):
        return
    time = times[0] if times else None
    arriving = time if _BEFORE.search(text) else None
    leaving = time if time and not arriving and _AFTER.search(text) else None
    yield _call(
        "search_trains", from_=cities["a"], to=cities["b"], date=day, depart_after=leaving,
        arrive_by=arriving, class_=_first(_CLASSES, text),
    )  # fmt: skip


def _vehicles(text: str, today: date) -> Iterator[Call]:
    """Reads a vehicle, its first day and for how many days."""
    vehicle, day, days = _first(_VEHICLES, text), _day(text, today), _N_DAYS.search(text)
    if vehicle and day and days:
        yield _call("book_vehicle", vehicle=vehicle, date=day, days=_count(days["n"]))


def _leave(text: str, today: date) -> Iterator[Call]:
    """Reads a kind of leave and two days, or one."""
    kind, days = _first(_LEAVES, text), _calendar_days(text, today)
    if kind and days and not _RULES.search(text):
        half = True if re.search(r"half a day|halben tag|demi-journée de|medio día", text) else None
        yield _call("request_leave", kind=kind, first_day=days[0], last_day=days[-1], half_day=half)


def _policies(text: str, _: date) -> Iterator[Call]:
    """Reads each topic that is named in a question about rules."""
    if _RULES.search(text):
        for topic, words in _TOPICS.items():
            if re.search(words, text, re.IGNORECASE):
                yield _call("search_policy", topic=topic)


def _first(table: Mapping[str, str], text: str) -> str | None:
    """Returns the first entry whose words stand in the text."""
    return next((name for name, w in table.items() if re.search(w, text, re.IGNORECASE)), None)


def _day(text: str, today: date) -> str | None:
    """Returns the first day that the text names, relative days first."""
    for words, ahead in _DAYS:
        if re.search(words, text, re.IGNORECASE):
            return (today + timedelta(days=ahead)).isoformat()
    return next(iter(_calendar_days(text, today)), None)


def _calendar_days(text: str, today: date) -> list[str]:
    """Returns the written dates in the text, else the named weekdays, as ISO dates."""
    found = [_date(int(d), int(m), y, today) for d, m, y in _NUMERIC_DAY.findall(text)]
    found += [_date(int(d), _month(name), "", today) for d, name in _NAMED_DAY.findall(text)]
    days = [day.isoformat() for day in found if day]
    return days or [
        (today + timedelta(days=(number - today.weekday() - 1) % 7 + 1)).isoformat()
        for number, words in enumerate(_WEEKDAYS)
        if re.search(words, text, re.IGNORECASE)
    ]


def _date(day: int, month: int, year: str, today: date) -> date | None:
    """Returns a date, in the coming twelve months where no year is written."""
    try:
        found = date(int(year or today.year), month, day)
    except ValueError:
        return None
    return found if year or found >= today else found.replace(year=found.year + 1)


def _month(name: str) -> int:
    """Number of a month by its name, 0 when unknown."""
    names = (number for number, words in enumerate(_MONTHS, 1) if name.lower() in words.split())
    return next(names, 0)


def _times(text: str) -> list[str]:
    """Returns the clock times in the text as HH:MM."""
    times = []
    for match in _CLOCK.finditer(_NUMERIC_DAY.sub(_not_a_day, text)):
        hour = int(match["h"] or match["h12"])
        minute = int(match["m"] or match["m2"] or match["m12"] or 0)
        if match["half"]:
            hour = hour % 12 + (12 if match["half"].lower() == "p" else 0)
        if hour < 24 and minute < 60:
            times.append(f"{hour:02d}:{minute:02d}")
    return times


def _not_a_day(match: re.Match[str]) -> str:
    """Blanks a match that is a date."""
    return " " if 1 <= int(match[2]) <= 12 else match[0]


def _length(text: str, times: list[str]) -> int | None:
    """Returns minutes: a stated length, else the time between the first two clock times."""
    for words, minutes in _LENGTHS:
        if re.search(words, text, re.IGNORECASE):
            return minutes
    if match := _HOURS.search(text):
        return _count(match["n"]) * 60
    if match := _MINUTES.search(text):
        return int(match[1])
    if len(times) < 2:
        return None
    start, end = (int(time[:2]) * 60 + int(time[3:]) for time in times[:2])
    return end - start if end > start else None


def _count(written: str) -> int:
    """Reads a whole number in digits or one of the first words for numbers, else 0."""
    digits = re.sub(r"[ ,.](?=\d{3}\b)", "", written).strip(" .,")
    if digits.isdigit():
        return int(digits)
    words = enumerate(_NUMBER_WORDS, start=1)
    return next((n for n, word in words if re.fullmatch(word, written, re.IGNORECASE)), 0)


def _floor(text: str) -> int | None:
    """Returns the first floor that is named, in words or digits."""
    for words, number in _FLOOR_WORDS:
        if re.search(words, text, re.IGNORECASE):
            return number
    match = _FLOOR.search(text)
    return int(match[1] or match[2]) if match else None
