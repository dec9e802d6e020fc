"""Phrases by which a model says that it will not do what it was asked, in seven languages.

Patterns hold at the beginning of a short answer only: a long answer, or one that quotes such a
phrase further on (an e-mail draft, a summary), is no refusal. This module does not know providers'
own refusal signals; the parser reads those first.
"""

from __future__ import annotations

import re

MAX_REFUSAL_CHARS = 400
"""Longer answers are answers: refusals seen in practice are one to three sentences."""

_HELP = (  # what is declined
    r"help|assist|comply|fulfil|fulfill|do that|do this|support|provide|answer|create|generate|"
    r"write|continue|discuss|engage|share|complete|process|extract|classify|translate|summari[sz]e|"
    r"produce|offer|give|participate"
)
_SORRY_EN = (
    r"(?:i(?:['’]m| am) (?:very |so |truly )?sorry|sorry|i apologi[sz]e|my apologies|unfortunately)"
)
_CANNOT_EN = (
    r"i(?: (?:can(?:no|['’])t|can not|won['’]t|will not|must decline|have to decline|decline to|"
    r"refuse to|am (?:not able|unable) to|am not comfortable)|['’]m (?:not able|unable) to|"
    r"['’]m not comfortable)"
)
_OPENING = r"^[\s\"'“*_#>-]*(?:as an ai\b[^.!\n]{0,60}[,.] ?)?"

STRONG = (
    rf"{_SORRY_EN}[,.!]?\s*(?:but )?{_CANNOT_EN} (?:{_HELP})",
    rf"{_CANNOT_EN} (?:{_HELP})(?: you)? (?:with |to )?(?:that|this|your request|the request|"
    r"requests?)\b",
    r"i must (?:respectfully )?decline\b",
    r"as an ai\b[^.!\n]{0,80}(?:can(?:no|['’])t|can not|unable|not able|won['’]t|do not|don['’]t)",
    r"(?:es )?tut mir leid,? (?:aber )?(?:ich kann|das kann ich|dabei kann ich|ich darf|"
    r"ich bin nicht)[^.!\n]{0,60}(?:nicht|kein)",
    r"ich kann (?:dir|ihnen|euch)?\s?(?:dabei|damit|hierbei|bei dieser)[^.!\n]{0,40}"
    r"nicht (?:helfen|weiterhelfen)",
    r"(?:je suis |je )?(?:désolée?|desole)[,.]? (?:mais )?je ne (?:peux|suis|pourrai)[^.!\n]{0,30}"
    r"(?:pas|aider|en mesure)",
    r"je ne (?:peux|suis) pas (?:vous |t['’])?(?:aider|en mesure|répondre à cette)",
    r"lo (?:siento|lamento)[,.]? (?:pero )?no puedo",
    r"no puedo (?:ayudarte|ayudarle|ayudar|asistir|cumplir)[^.!\n]{0,20}(?:eso|esa|esta|este|ello)",
    r"mi (?:dispiace|spiace)[,.]? (?:ma )?non (?:posso|sono in grado)",
    r"non posso (?:aiutar(?:ti|la|e)|assister)[^.!\n]{0,20}(?:questo|questa|ciò|quest)",
    r"(?:het )?spijt me[,.]? (?:maar )?(?:ik kan|dat kan ik|daar kan ik)",
    r"sorry[,.]? (?:maar )?(?:ik kan|dat kan ik|daar kan ik)[^.!\n]{0,40}(?:niet|geen)",
    r"(?:sinto muito|desculpe|lamento)[,.]? (?:mas )?(?:eu )?não (?:posso|consigo)",
    r"não posso (?:ajudar|auxiliar|atender)[^.!\n]{0,20}(?:isso|este|esse|esta|essa)",
)
"""Refuse a request by name: counted in every format."""

WEAK = (
    rf"{_SORRY_EN}\b",
    rf"{_CANNOT_EN}\b",
    r"i do not feel comfortable|i don['’]t feel comfortable|this request (?:violates|goes against)",
    r"(?:es )?tut mir leid|ich kann[^.!\n]{0,40}(?:nicht|kein)|leider kann ich",
    r"(?:je suis |je )?désolée?\b|je ne (?:peux|suis) pas|malheureusement",
    r"lo (?:siento|lamento)\b|no puedo\b|lamentablemente",
    r"mi (?:dispiace|spiace)\b|non posso\b|purtroppo",
    r"(?:het )?spijt me\b|ik kan[^.!\n]{0,40}(?:niet|geen)|helaas kan ik",
    r"(?:sinto muito|desculpe|lamento)\b|não (?:posso|consigo)\b|infelizmente",
)
"""Begin like a refusal: counted only where the asked form (JSON, a label) is missing."""


def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(
        _OPENING + "(?:" + "|".join(f"(?:{p})" for p in patterns) + ")", re.IGNORECASE
    )


_STRONG = _compiled(STRONG)
_WEAK = _compiled(STRONG + WEAK)


def is_refusal(text: str, *, form_missing: bool) -> bool:
    """Return whether a short answer begins as a refusal.

    Args:
        text: The visible answer.
        form_missing: The asked form (JSON, a label) is not in it; then "I cannot ..." suffices,
            where prose was asked for the phrase must decline the request itself.
    """
    text = text.strip()
    if not text or len(text) > MAX_REFUSAL_CHARS:
        return False
    return (_WEAK if form_missing else _STRONG).match(text) is not None
