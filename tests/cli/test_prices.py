"""`evalkit prices` and `evalkit reprice`: what is printed is what is paid, at any day."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from evalkit.core.records import Usage
from evalkit.providers.catalogue import load_catalogue
from evalkit.providers.pricing import PriceBook
from tests.cli.recorded import record, run, write_suite

PROVIDERS = """
schema_version: 1
providers:
  openai:
    wire: openai_chat
    base_url: https://api.openai.com/v1
    models: {o3: {}, mine: {pricing: [
      {input_usd_per_mtok: 1, output_usd_per_mtok: 2, valid_to: 2026-05-31, source: "an offer"},
      {input_usd_per_mtok: 3, output_usd_per_mtok: 4, valid_from: 2026-06-01,
       batch_multiplier: 0.5}]}}
  anthropic:
    wire: anthropic_messages
    models: {claude-sonnet-4-5: {}}
  mistral:
    wire: openai_chat
    base_url: https://api.mistral.ai/v1
    models: {mistral-large-latest: {}}
  deepseek:
    wire: openai_chat
    base_url: https://api.deepseek.com
    models: {deepseek-chat: {}}
  local:
    wire: openai_chat
    base_url: http://127.0.0.1:8000/v1
    models: {own: {}}
"""


@pytest.fixture
def asked(evalkit: Any) -> Any:
    """Return the document of `evalkit prices`."""
    Path("providers.yaml").write_text(PROVIDERS)

    def ask(*arguments: object) -> dict[str, Any]:
        said = evalkit("prices", *arguments, "--json")
        assert said.code == 0, said.err
        return json.loads(said.out)

    return ask


def test_a_price_is_told_with_its_history(asked: Any) -> None:
    """o3 fell by 80 % on 2025-06-10: published by the vendor, kept by the packaged table."""
    (model,) = asked("openai:o3")["models"]
    assert [(own["since"], own["tiers"][0]["input_usd_per_mtok"]) for own in model["history"]] == [
        (None, 10.0),
        ("2025-06-10", 2.0),
    ]
    (then,) = asked("openai:o3", "--at", "2025-05-01")["models"]
    assert then["tiers"][0]["output_usd_per_mtok"] == 40.0


def test_tiers_and_batches_are_told(asked: Any) -> None:
    """Above 200,000 tokens of input the whole attempt is dearer; a batch is half."""
    (model,) = asked("claude-sonnet-4-5")["models"]
    assert [(t["above_input_tokens"], t["input_usd_per_mtok"]) for t in model["tiers"]] == [
        (0, 3.0),
        (200_000, 6.0),
    ]
    assert model["batch"][0]["input_usd_per_mtok"] == 1.5


def test_declared_prices_come_first_and_have_days(asked: Any) -> None:
    """With their source and from when on they hold."""
    (model,) = asked("mine")["models"]
    assert [(own["since"], own["tiers"][0]["input_usd_per_mtok"]) for own in model["history"]][
        -2:
    ] == [(None, 1.0), ("2026-06-01", 3.0)]
    assert "an offer" in model["history"][0]["source"]
    assert model["batch"][0]["output_usd_per_mtok"] == 2.0


def test_names_that_move_and_prices_that_change_by_the_hour_are_flagged(asked: Any) -> None:
    """As the vendors' pages say of them."""
    flags = {m["model"]: (m["floating"], m["hourly"]) for m in asked()["models"]}
    assert flags["mistral:mistral-large-latest"] == (True, False)
    assert flags["deepseek:deepseek-chat"][1] is True
    assert flags["openai:o3"] == (True, False)


def test_what_has_no_price_says_so(asked: Any, evalkit: Any) -> None:
    """Never 0."""
    row = next(m for m in asked()["models"] if m["model"] == "local:own")
    assert (row["tiers"], row["why"]) == (None, "no known price")
    assert "no known price" in evalkit("prices", "local:own").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gpt-9"], "no model 'gpt-9'"),
        (["o33"], "near: o3"),
        (["--at", "soon"], "must be a day like 2026-11-01"),
        (["--providers", "gone.yaml"], "gone.yaml"),
    ],
)
def test_what_is_not_there_is_one_line(asked: Any, evalkit: Any, arguments: Any, said: str) -> None:
    """Exit code 2."""
    answer = evalkit("prices", *arguments)
    assert answer.code == 2
    assert said in answer.err
    assert len(answer.err.strip().splitlines()) == 1


GOLDEN = [
    ("openai:o3", "2025-05-01", 1_000_000, 1_000_000, "50"),
    ("openai:o3", "2025-07-01", 1_000_000, 1_000_000, "10"),
    ("anthropic:claude-sonnet-4-5", "2026-01-15", 1000, 500, "0.0105"),
    ("anthropic:claude-sonnet-4-5", "2026-01-15", 300_000, 1000, "1.8225"),
    ("anthropic:claude-sonnet-4-5", "2026-01-15", 200_000, 0, "0.6"),
    ("openai:gpt-4o", "2026-01-15", 1_000_000, 0, "2.5"),
    ("openai:gpt-4o-mini", "2026-01-15", 1_000_000, 1_000_000, "0.75"),
    ("openai:mine", "2026-05-31", 1_000_000, 1_000_000, "3"),
    ("openai:mine", "2026-06-01", 1_000_000, 1_000_000, "7"),
]


@pytest.mark.parametrize(("model", "day", "input_", "output", "usd"), GOLDEN)
def test_frozen_prices_hold(
    asked: Any, model: str, day: str, input_: int, output: int, usd: str
) -> None:
    """Published prices at their day; they do not move with the table's version."""
    book = PriceBook.from_catalogue(load_catalogue(Path("providers.yaml")))
    at = dt.datetime.fromisoformat(f"{day}T12:00:00+00:00")
    found = book.price(Usage(input=input_, output=output), model, at=at)
    assert found.cost_usd == Decimal(usd)


def test_an_attempt_is_priced_by_the_hour_where_the_vendor_does(asked: Any) -> None:
    """One model, one day, two prices."""
    book = PriceBook.from_catalogue(load_catalogue(Path("providers.yaml")))
    usage = Usage(input=1_000_000, output=0)
    days = [dt.datetime(2025, 6, 1, hour, tzinfo=dt.UTC) for hour in (12, 18)]
    found = {book.price(usage, "deepseek:deepseek-chat", at=at).cost_usd for at in days}
    assert len(found) == 2
    assert None not in found


def test_a_run_is_priced_anew_and_left_as_it_is(evalkit: Any) -> None:
    """20 tokens in and 1 out of 40 answers, at the prices of two days; the journal is the same."""
    write_suite(40)
    folder = run(evalkit, record({"o3": []}, 40, cost_usd=None, recorded_at="2025-05-01T00:00:00Z"))
    before = (folder / "journal.jsonl").read_bytes()
    said = evalkit("reprice", folder, "--at", "2025-07-01", "--json")
    (row,) = json.loads(said.out)["rows"]
    assert row["then"]["cost_usd"] == pytest.approx(40 * (20 * 10 + 40) / 1e6)
    assert row["now"]["cost_usd"] == pytest.approx(40 * (20 * 2 + 8) / 1e6)
    assert row["ratio"] == pytest.approx(0.2)
    assert (folder / "journal.jsonl").read_bytes() == before
    assert "$0.00192" in evalkit("reprice", folder, "--at", "2025-07-01").out


def test_recorded_costs_are_not_taken_for_another_days(evalkit: Any) -> None:
    """Then: what was recorded. At the other day: by usage, here without a price."""
    write_suite(10)
    folder = run(evalkit, record({"unheard-of": []}, 10))
    (row,) = json.loads(evalkit("reprice", folder, "--at", "2026-01-01", "--json").out)["rows"]
    assert row["then"]["cost_usd"] == pytest.approx(0.01)
    assert (row["now"]["cost_usd"], row["ratio"]) == (None, None)


def test_reprice_needs_a_run_and_a_day(evalkit: Any) -> None:
    """One line, exit code 2."""
    for arguments in (["gone", "--at", "2026-01-01"], ["gone"], ["gone", "--at", "1.1.2026"]):
        said = evalkit("reprice", *arguments)
        assert (said.code, len(said.err.strip().splitlines())) == (2, 1)
