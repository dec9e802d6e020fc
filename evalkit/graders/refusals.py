"""Phrases by which a model says that it will not do what it was asked, in fifteen languages.

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
_OPENING = r"^[\s\"'“„«「*_#>-]*(?:as an ai\b[^.!\n]{0,60}[,.] ?)?"

_DECLINED_TR = (  # first person, negated ability: "this cannot help you" declines nothing
    r"(?:yardımcı olam|yardım edem|yerine getirem|yanıt verem|yanıtlayam|cevap verem|cevaplayam|"
    r"karşılayam)(?:am\b|em\b|[ıi]yoru[mz]|ayaca[ğg]|eyece[ğg]|ayız|eyiz)"
)
_CANNOT_AR = (
    r"(?:لا (?:أستطيع|استطيع|يمكنني|يمكننا|نستطيع)|لست قادر\w*\W? على|لن أتمكن من)\s+(?:ال)?"
)
_DECLINED_JA = (
    r"(?:手伝い|手助け|対応|応え|答え|回答|支援|サポート|提供|協力)(?:すること)?[はがも]?"
    r"(?:でき(?:ません|ない|かねます)|(?:いた)?しかねます)"
)

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
    r"(?:bardzo )?(?:przykro mi|przepraszam|niestety)[,.]? (?:ale )?nie (?:mogę|potrafię|jestem w "
    r"stanie) [^.!\n]{0,25}(?:pomóc|spełnić|odpowiedzieć|wykonać|zrobić|udzielić|zrealizować)",
    r"nie (?:mogę|jestem w stanie) (?:ci |panu |pani |państwu )?(?:w tym |z tym )?(?:pomóc|spełnić)"
    r"[^.!\n]{0,15}\b(?:tym|tej|tego|tę)\b",
    r"(?:(?:jag är )?(?:tyvärr )?ledsen|förlåt|tyvärr|(?:jag )?beklagar)[,.]? (?:men )?(?:det )?"
    r"(?:jag kan|kan jag)(?: tyvärr)? inte (?:hjälpa|bistå|svara på|utföra|göra det|uppfylla)",
    r"jag kan (?:tyvärr )?inte (?:hjälpa|bistå)[^.!\n]{0,20}\b(?:det|detta|den här|denna)\b",
    r"(?:извините|простите|прошу прощения|мне (?:очень )?жаль|к сожалению)[,.]? (?:но )?(?:я )?не "
    r"(?:могу|смогу|в состоянии) (?:вам |тебе )?(?:с этим )?(?:помочь|помогать|выполнить|ответить|"
    r"предоставить|обработать|это сделать)",
    r"я не (?:могу|смогу) (?:вам |тебе )?(?:помочь|выполнить|ответить)"
    r"[^.!\n]{0,12}\b(?:эт|ваш|так)",
    r"(?:誠に|大変)?(?:申し訳(?:ありません|ございません|ない(?:です)?)|すみません|恐れ入ります|"
    rf"ごめんなさい|残念ながら)[^\n]{{0,40}}?{_DECLINED_JA}",
    r"(?:(?:その|この|ご|その様な|そのような)(?:ご)?(?:リクエスト|要望|依頼|質問|要求|お願い|件))"
    rf"[^。\n]{{0,12}}?{_DECLINED_JA}",
    r"(?:非常|很|十分|实在|實在)?(?:抱歉|对不起|對不起|不好意思|遗憾|遺憾)[，,。！!]?\s*(?:但是?)?"
    r"我?(?:无法|無法|不能|没办法|沒辦法)[^。！，\n]{0,6}?(?:帮助|幫助|帮你|幫你|帮您|幫您|协助|"
    r"協助|提供|回答|满足|滿足|完成|处理|處理|生成)",
    r"我(?:无法|無法|不能)(?:帮助|幫助|协助|協助|满足|滿足|回答|处理|處理)[^。！\n]{0,6}?"
    r"(?:这|這|该|該|此|您的|你的)",
    r"(?:대단히 |정말 )?(?:죄송|미안)(?:하지만|합니다만?|해요|하오나)[,.]?\s*[^.!\n]{0,40}?"
    r"(?:도와|도움|답변|대답|응답|제공|처리|지원|수행|응할)[^.!\n]{0,12}?(?:수(?:는|가)? 없|못)",
    rf"(?:عذر\w*\W?|(?:أنا )?[آا]سف\w*|[أن]عتذر|للأسف)[،,.]?\s*(?:و?لكن\w*\s+)?"
    rf"{_CANNOT_AR}(?:مساعد|تقديم|تلبية|[إا]جابة|تنفيذ|معالجة|القيام)",
    rf"{_CANNOT_AR}مساعد\w*[^.!\n]{{0,15}}(?:هذ|ذلك|طلب)",
    r"(?:(?:çok )?üzgünüm|özür dilerim|kusura bakmayın|maalesef|ne yazık ki)[,.]?\s*"
    rf"[^.!\n]{{0,50}}?{_DECLINED_TR}",
    rf"(?:size |sana )?bu (?:konuda|istekte|talebi|isteği)[^.!\n]{{0,20}}?{_DECLINED_TR}",
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
    r"przykro mi\b|niestety\b|przepraszam\b|nie (?:mogę|potrafię|jestem w stanie)\b",
    r"(?:jag är )?(?:tyvärr )?ledsen\b|förlåt\b|tyvärr\b|jag beklagar\b|jag kan (?:tyvärr )?inte\b",
    r"извините\b|простите\b|к сожалению\b|мне (?:очень )?жаль\b|я не (?:могу|смогу)\b",
    r"(?:誠に|大変)?申し訳(?:ありません|ございません|ない)|すみません|ごめんなさい|残念ながら",
    r"(?:非常|很|十分)?(?:抱歉|遗憾|遺憾)|对不起|對不起|我(?:无法|無法|不能)",
    r"(?:대단히 |정말 )?(?:죄송|미안)|유감|(?:도와|답변)[^.!\n]{0,6} 수 없",
    rf"عذر\w*|(?:أنا )?[آا]سف\w*|[أن]عتذر|للأسف|{_CANNOT_AR}",
    r"(?:çok )?üzgünüm\b|maalesef\b|özür dilerim\b|ne yazık ki\b",
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
