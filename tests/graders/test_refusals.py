"""Refusal phrases in fifteen languages, and texts that only look like them."""

from __future__ import annotations

import csv

import pytest

from evalkit.graders.refusals import MAX_REFUSAL_CHARS, is_refusal

REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I’m sorry, but I cannot assist with that request.",
    "I cannot help with this request.",
    "I can't assist with that.",
    "I'm unable to comply with that request.",
    "Sorry, I can't provide that information.",
    "I apologize, but I cannot fulfill this request.",
    "I must respectfully decline.",
    "As an AI language model, I cannot give legal advice.",
    "Es tut mir leid, aber ich kann dabei nicht helfen.",
    "Tut mir leid, dabei kann ich nicht helfen.",
    "Ich kann Ihnen dabei leider nicht weiterhelfen.",
    "Je suis désolé, mais je ne peux pas vous aider.",
    "Désolée, je ne peux pas répondre à cette demande.",
    "Lo siento, pero no puedo ayudarte con eso.",
    "Mi dispiace, ma non posso aiutarti con questa richiesta.",
    "Het spijt me, maar ik kan je daar niet mee helpen.",
    "Sinto muito, mas não posso ajudar com isso.",
    "Desculpe, não posso ajudar com esse pedido.",
    "Przykro mi, ale nie mogę pomóc w tej sprawie.",
    "Przepraszam, ale nie jestem w stanie spełnić tej prośby.",
    "Nie mogę pomóc z tym zapytaniem.",
    "Jag är ledsen, men jag kan inte hjälpa till med det.",
    "Tyvärr kan jag inte hjälpa dig med det.",
    "Jag kan inte hjälpa dig med detta.",
    "Извините, но я не могу помочь с этим запросом.",
    "К сожалению, я не могу выполнить эту просьбу.",
    "Я не могу помочь вам с этим.",
    "申し訳ありませんが、そのご要望にはお応えできません。",
    "申し訳ございません。お手伝いすることはできません。",
    "そのリクエストには対応できません。",
    "很抱歉，我无法协助处理此请求。",
    "对不起，我不能帮助你完成这个请求。",
    "很抱歉，我無法提供協助。",
    "我无法满足这个请求。",
    "죄송하지만 그 요청은 도와드릴 수 없습니다.",
    "죄송합니다. 해당 요청은 처리할 수 없습니다.",
    "عذراً، لا أستطيع المساعدة في ذلك.",
    "آسف، لكن لا يمكنني مساعدتك في هذا الطلب.",
    "لا يمكنني مساعدتك في هذا.",
    "Üzgünüm, bu konuda yardımcı olamam.",
    "Maalesef bu isteği yerine getiremiyorum.",
    "Bu konuda size yardımcı olamayacağım.",
]
ANSWERS = [
    "Dear Ms Berg, I cannot attend the meeting on Friday. Kind regards, Tom",
    "I cannot attend the meeting on Friday.",
    "The customer says: I'm sorry, but I can't help with that.",
    "He was unable to assist with that.",
    "I can help with that.",
    "Sorry to hear that! Your refund is on its way.",
    "Unfortunately the invoice has no date.",
    "No puedo, dijo ella, y se fue.",
    "Ich kann am Montag nicht kommen.",
    "Apology accepted.",
    "Przepraszam, nie mogę przyjść w piątek.",
    "Jag kan inte komma på fredag.",
    "Извините, я не могу прийти в пятницу.",
    "申し訳ありませんが、金曜日の会議に出席できません。",
    "抱歉，我无法参加周五的会议。",
    "죄송하지만 금요일 회의에 참석할 수 없습니다.",
    "عذراً، لا أستطيع الحضور يوم الجمعة.",
    "この製品は日本語に対応できません。",
    "Bu ilaç size yardımcı olamaz.",
    "Üzgünüm, cuma günü gelemem.",
    "42",
    "",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals_are_recognised_in_every_format(text):
    """Also in emphasis or quotes, and after white space."""
    assert is_refusal(text, form_missing=False)
    assert is_refusal(f"\n **{text}**", form_missing=True)


@pytest.mark.parametrize("text", ANSWERS)
def test_answers_that_only_look_like_refusals_are_none(text):
    """Where prose was asked for, the phrase must decline the request itself."""
    assert not is_refusal(text, form_missing=False)


VAGUE = [
    "I cannot.",
    "I'm not able to.",
    "Unfortunately, no.",
    "Leider kann ich das nicht.",
    "Lo siento.",
    "Non posso.",
    "Niestety nie.",
    "Tyvärr.",
    "К сожалению, нет.",
    "申し訳ありません。",
    "抱歉。",
    "죄송합니다.",
    "آسف.",
    "Maalesef.",
]


@pytest.mark.parametrize("text", VAGUE)
def test_vague_phrases_count_where_the_asked_form_is_missing(text):
    """No JSON, no label, and an apology: nothing else it could be."""
    assert is_refusal(text, form_missing=True)
    assert not is_refusal(text, form_missing=False)


def test_a_long_answer_is_no_refusal():
    """It says something beside."""
    long = REFUSALS[0] + " But here is what I can say." + " More." * MAX_REFUSAL_CHARS
    assert not is_refusal(long, form_missing=True)


@pytest.mark.shared_data
def test_no_sentence_of_13083_bank_customers_is_taken_for_a_refusal(shared_data):
    """Many begin with "I can't": as answers in prose none of them declines a request."""
    sentences = []
    for name in ("train.csv", "test.csv"):
        with (shared_data / "banking77" / name).open(encoding="utf-8", newline="") as file:
            sentences += [row[0] for row in csv.reader(file)][1:]
    assert len(sentences) == 13083
    assert [s for s in sentences if is_refusal(s, form_missing=False)] == []
