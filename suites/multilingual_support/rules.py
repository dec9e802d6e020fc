"""Keyword rules for a support desk in five languages, with replies from templates.

The language is that with the most stop words, unless the message asks for another. The intent is
the one with the most keywords; the action follows from the intent, words of a wish and a few words
of the facts. The rules do no date arithmetic and know neither irony nor quoted text.
"""

import re
from collections.abc import Mapping

_STOP_WORDS: dict[str, str] = {
    "en": "the and is to of it in for you your my was have has not that with this on please i",
    "de": "der die das und ist ich nicht sie mir mich ein eine zu den auf bitte haben wir es von",
    "fr": "le la les et est je vous une des du pas que pour mon ma votre merci sur ai au avec",
    "es": "el la los y es que no me una del por para con mi su lo se gracias he las ha",
    "it": "il lo gli e è che non mi una del per con di mio vi si grazie ho la le sono",
}
_NAMES: dict[str, str] = {
    "en": r"english|englisch|anglais|inglés|inglese",
    "de": r"german|deutsch|allemand|alemán|tedesco",
    "fr": r"french|französisch|français|francés|francese",
    "es": r"spanish|spanisch|espagnol|español|spagnolo",
    "it": r"italian|italienisch|italien|italiano",
}
_ANSWER = r"(?:answer|reply|antwort|répond|conteste|contésten|responda|rispond)"
_INTENTS: dict[str, str] = {
    "tracking": r"tracking|turned up|delivered|lost|waiting|sendungsverfolgung|nicht angekommen"
    r"|zugestellt|versand|wartet|pas reçu|suivi|livré\b|perdu|seguimiento|no me ha llegado"
    r"|entregado|perdido|esperando|mai arrivato|smarrit|ancora niente|spedizione",
    "fault": r"broken|cracked|pieces|wrong|faulty|warm|instead of|photo|gebrochen|kaputt|hin\b|foto"
    r"|abgeplatzt|beschädigt|statt|cassé|fêlé|fendue|ébréché|fumée|roto|rota\b|añicos|rott[ao]"
    r"|sbeccat|danneggiat|mauvais|falsch|equivocad|sbagliat",
    "return": r"return|sent? back|posted|went back|too short|zurückgeschickt|zurückgeben|retour"
    r"|zurückerhalten|originalverpackt|retourné|rendre|renvoyé|devolv[íi]|devolución|reso\b"
    r"|restituit|rispedisco",
    "address": r"address|adresse|moved|umgezogen|liefern sie|nachbar|livrer"
    r"|dirección|domicilio|indirizzo|postcode",
    "cancel": r"cancel|stop the|stornier|annul|anulad|cancelad|disdire|annullare",
    "payment": r"charged|invoice|statement|twice|abbuchung|doppelt|rechnung|buchen|prélev|facture"
    r"|deux fois|cobrado|cargo|factura|addebit|fattura|due volte",
    "question": r"before i order|what does|how long|wie lange|est-ce que|tarif|se puede"
    r"|volevo sapere|noch .* nichts bestellt|aún no he comprado",
    "feedback": r"thank you!|apolog|praise|lob\b|erledigt|félicitations|bravo|excuses|felicidades"
    r"|olvidad|complimenti|rude|driver|zusteller|livreur|repartidor",
}
_DANGER = re.compile(
    r"smoke|burn|warm|shock|injur|hospital|strom|rauch|brand|verletz|fumée|brûl|blessé|humo"
    r"|quem|urgencias|herid|fumo|molto caldo|bruciat|ferit",
    re.IGNORECASE,
)
_RUDE = re.compile(
    r"called me|swore|shout|rude|beleidig|beschimpf|unverschämt|insult|grossier|maleducad"
    r"|scortese|maleducat",
    re.IGNORECASE,
)
_SOLVED = re.compile(
    r"ignore my|never ?mind|hat sich erledigt|tout est (?:donc )?en ordre|olvidad|risolto"
    r"|non date seguito",
    re.IGNORECASE,
)
_MONEY = re.compile(
    r"money|refund|back to my card|geld|erstatt|überweis|rembours|rendez-moi|dinero|reembols|abonen"
    r"|rimbors|soldi|riavere",
    re.IGNORECASE,
)
_LIMIT_EUR = 500.0
_FRAMES: dict[str, tuple[str, str]] = {
    "en": (
        "Hello, thank you for your message to Parvello; we are sorry for the trouble.",
        "If anything else is unclear, simply reply to this message. Kind regards, Parvello",
    ),
    "de": (
        "Guten Tag, vielen Dank für Ihre Nachricht an Parvello; die Umstände tun uns leid.",
        "Bei Fragen antworten Sie bitte einfach auf diese Nachricht. Freundliche Grüße, Parvello",
    ),
    "fr": (
        "Bonjour, merci de votre message à Parvello ; nous sommes désolés de ce désagrément.",
        "Pour toute question, répondez simplement à ce message. Cordialement, Parvello",
    ),
    "es": (
        "Buenos días, gracias por su mensaje a Parvello; lamentamos las molestias.",
        "Si tiene alguna duda, responda sencillamente a este mensaje. Un saludo, Parvello",
    ),
    "it": (
        "Buongiorno, grazie del messaggio a Parvello; ci scusiamo per il disagio.",
        "Per qualsiasi dubbio risponda pure a questo messaggio. Cordiali saluti, Parvello",
    ),
}
_STEPS: dict[str, dict[str, str]] = {
    "en": {
        "escalate": "We have passed your case to a senior colleague, who will contact you.",
        "none": "There is nothing left for you or for us to do, and the matter is closed.",
        "ask_for_details": "To go on we need the missing details from you; please send them to us.",
        "refund": "We are refunding the amount to your original means of payment.",
        "resend": "We are sending you a new parcel and will let you know when it leaves us.",
        "change_address": "We have changed the delivery address of your order as you asked.",
        "cancel_order": "We have cancelled your order, and you need do nothing more.",
        "explain": "Unfortunately our rules do not allow more at the moment than they say.",
    },
    "de": {
        "escalate": "Wir haben Ihren Fall an eine zuständige Kollegin gegeben, die sich meldet.",
        "none": "Es ist nichts weiter zu tun, die Sache ist damit für uns erledigt.",
        "ask_for_details": "Uns fehlen noch Angaben von Ihnen; bitte senden Sie uns diese zu.",
        "refund": "Wir erstatten Ihnen den Betrag auf dem ursprünglichen Zahlungsweg.",
        "resend": "Wir schicken Ihnen ein neues Paket und melden uns, wenn es unterwegs ist.",
        "change_address": "Wir haben die Lieferadresse Ihrer Bestellung wie gewünscht geändert.",
        "cancel_order": "Wir haben Ihre Bestellung storniert, Sie müssen nichts weiter tun.",
        "explain": "Leider lassen unsere Regeln derzeit nicht mehr zu, als sie vorsehen.",
    },
    "fr": {
        "escalate": "Nous avons transmis votre dossier à un responsable, qui vous contactera.",
        "none": "Il n'y a plus rien à faire, et le dossier est clos pour nous.",
        "ask_for_details": "Il nous manque des précisions de votre part ; merci de les envoyer.",
        "refund": "Nous vous remboursons la somme par le moyen de paiement d'origine.",
        "resend": "Nous vous envoyons un nouveau colis et vous avertirons de son départ.",
        "change_address": "Nous avons modifié l'adresse de livraison comme vous le souhaitiez.",
        "cancel_order": "Nous avons annulé votre commande, vous n'avez plus rien à faire.",
        "explain": "Malheureusement, nos règles ne permettent pas davantage pour le moment.",
    },
    "es": {
        "escalate": "Hemos pasado su caso a un responsable, que se pondrá en contacto con usted.",
        "none": "No hay nada más que hacer, y el asunto queda cerrado por nuestra parte.",
        "ask_for_details": "Para seguir nos faltan datos; le rogamos que nos los envíe.",
        "refund": "Le devolvemos el importe por el mismo medio de pago que utilizó.",
        "resend": "Le enviamos un paquete nuevo y le avisaremos cuando salga.",
        "change_address": "Hemos cambiado la dirección de entrega de su pedido como pedía.",
        "cancel_order": "Hemos anulado su pedido, y no tiene que hacer nada más.",
        "explain": "Por desgracia, nuestras normas no permiten más por el momento.",
    },
    "it": {
        "escalate": "Abbiamo passato il Suo caso a un responsabile, che La contatterà.",
        "none": "Non c'è altro da fare, e per noi la questione è chiusa.",
        "ask_for_details": "Per proseguire ci mancano alcuni dati; La preghiamo di inviarceli.",
        "refund": "Le rimborsiamo l'importo con lo stesso mezzo di pagamento.",
        "resend": "Le spediamo un nuovo pacco e La avviseremo alla partenza.",
        "change_address": "Abbiamo cambiato l'indirizzo di consegna del Suo ordine come richiesto.",
        "cancel_order": "Abbiamo annullato il Suo ordine, non deve fare altro.",
        "explain": "Purtroppo al momento le nostre regole non consentono di più.",
    },
}


def answer(sample: Mapping[str, object]) -> dict[str, str]:
    """Decides and answers one message.

    Args:
        sample: The sample's columns; only `text` and `facts` are read.

    Returns:
        An object of the shape of `schema.json`.
    """
    text, facts = str(sample["text"]), str(sample["facts"])
    language = _language(text)
    intent = _intent(text)
    action = _action(intent, text, facts)
    return {
        "language": language,
        "intent": intent,
        "action": action,
        "reply": _reply(language, action),
    }


def _language(text: str) -> str:
    """Takes the language that is asked for, else the one with the most stop words."""
    for code, names in _NAMES.items():
        near = rf"{_ANSWER}[^.!?]{{0,40}}\b(?:{names})|in (?:{names}) please"
        if re.search(near, text, re.IGNORECASE):
            return code
    words = re.findall(r"\w+", text.lower())
    counts = {
        code: sum(word in stops.split() for word in words) for code, stops in _STOP_WORDS.items()
    }
    return max(counts, key=lambda code: counts[code])


def _intent(text: str) -> str:
    """Takes the intent with the most different keywords; a question if there is none.

    >>> _intent("Please cancel my order.")
    'cancel'
    """
    counts = {
        name: len({match[0].lower() for match in re.finditer(pattern, text, re.IGNORECASE)})
        for name, pattern in _INTENTS.items()
    }
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else "question"


def _action(intent: str, text: str, facts: str) -> str:
    """Follows the order of the desk's actions as far as keywords reach."""
    if _DANGER.search(text) or _RUDE.search(text) or _above_limit(intent, facts):
        return "escalate"
    if _SOLVED.search(text):
        return "none"
    if "Attachments of the message: none" in facts or "No order PV" in facts:
        return "ask_for_details"
    return _granted(intent, text, facts)


def _above_limit(intent: str, facts: str) -> bool:
    """Tells whether one price of an order in question of return is above the limit."""
    prices = [float(price) for price in re.findall(r"(\d+\.\d\d) EUR", facts)]
    return intent == "return" and max(prices, default=0.0) > _LIMIT_EUR


def _granted(intent: str, text: str, facts: str) -> str:
    """Decides between what is granted and an explanation."""
    is_open = 'status "open", ' in facts or 'status "open".' in facts
    if intent in ("address", "cancel"):
        granted = "change_address" if intent == "address" else "cancel_order"
        return granted if is_open else "explain"
    if intent in ("tracking", "fault"):
        return "refund" if _MONEY.search(text) else "resend"
    if intent == "return":
        return "refund" if "arrived" in facts.split("Rules:")[0] else "explain"
    if intent == "payment":
        return "refund" if facts.count("captured 20") > 1 else "explain"
    return "explain" if intent == "question" else "none"


def _reply(language: str, action: str) -> str:
    """Joins a template's opening, the action's sentence and the closing."""
    opening, closing = _FRAMES[language]
    return f"{opening} {_STEPS[language][action]} {closing}"
