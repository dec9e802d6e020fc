"""Prices: by date, by source in order, by attempt; unknown is None and never 0."""

from __future__ import annotations

import datetime as dt
import itertools
import random
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

from evalkit.core.errors import ConfigError
from evalkit.core.records import Usage
from evalkit.providers.catalogue import load_catalogue
from evalkit.providers.packaged_prices import is_own_address
from evalkit.providers.price_entries import price_entries, price_rows
from evalkit.providers.pricing import PriceBook, PricedModel, Seller

OPENAI = Seller("openai", "openai_chat", "https://api.openai.com/v1")
ANTHROPIC = Seller("anthropic", "anthropic_messages", "https://api.anthropic.com")
DEEPSEEK = Seller("deepseek", "openai_chat", "https://api.deepseek.com")
VLLM = Seller("vllm", "openai_chat", "http://127.0.0.1:8000/v1")
SELLERS = {s.name: s for s in (OPENAI, ANTHROPIC, DEEPSEEK, VLLM)}
MILLION = Usage(input=1_000_000, output=1_000_000)
NOVEMBER = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
ENTRY = {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2.5}


def day(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)


def book(entries: object = None, rows: object = (), seller: Seller = OPENAI) -> PriceBook:
    model = PricedModel(seller, "wire-name", price_entries(entries, "providers.yaml:7"))
    return PriceBook({f"{seller.name}:m": model}, SELLERS, price_rows(rows))


@pytest.mark.parametrize(
    ("model", "usage", "at", "expected"),
    [
        ("openai:o3", MILLION, day(2025, 5, 1), "50"),
        ("openai:o3", MILLION, day(2025, 7, 1), "10"),
        ("openai:o3", MILLION, dt.datetime(2025, 5, 1), "50"),  # noqa: DTZ001 - naive is UTC
        ("anthropic:claude-sonnet-4-5", Usage(input=300_000, output=0), day(2026, 3, 1), "1.8"),
        ("anthropic:claude-sonnet-4-5", Usage(input=200_000, output=0), day(2026, 3, 1), "0.6"),
        ("anthropic:claude-sonnet-4-5", MILLION, day(2026, 3, 1), "28.5"),
        ("deepseek:deepseek-flash", MILLION, day(2026, 11, 1, 12), "0.75"),
        ("deepseek:deepseek-flash", MILLION, day(2026, 11, 1, 2), "1.5"),
    ],
)
def test_golden_prices(model, usage, at, expected):
    """History, tiers for the whole request and the hour of the day are honoured."""
    found = PriceBook({}, SELLERS).price(usage, model, at=at)
    assert Decimal(expected) == found.cost_usd
    assert found.source.startswith("genai-prices 0.2")


def test_attempts_are_priced_one_by_one_not_by_their_sum():
    """Ten attempts of 100k + 100k cost $18; priced as one of 1M + 1M they would cost $28.5."""
    prices, one = PriceBook({}, SELLERS), Usage(input=100_000, output=100_000)
    costs = [prices.price(one, "anthropic:claude-sonnet-4-5", at=NOVEMBER) for _ in range(10)]
    assert Decimal(18) == sum(c.cost_usd for c in costs)


def test_the_id_as_returned_decides_before_the_name_on_the_wire():
    """An alias is priced as the model that answered; a bare alias is said."""
    prices = PriceBook({}, SELLERS)
    returned = prices.price(MILLION, "openai:m", at=NOVEMBER, model_returned="o3-2025-04-16")
    alias = prices.price(MILLION, "openai:chatgpt-4o-latest", at=NOVEMBER)
    assert (Decimal(10), "openai/o3") == (returned.cost_usd, returned.matched)
    assert alias.cost_usd is not None
    assert "alias" in alias.source


def test_declared_prices_come_before_rows_and_rows_before_the_packaged_table():
    """Each source answers only where the one before it is silent on that day."""
    row = {"provider": "openai", "model": "o3", "valid_from": "2026-02-01", **ENTRY}
    prices = book({**ENTRY, "output_usd_per_mtok": 4, "valid_from": "2026-06-01"}, [row])
    for at, expected in ((day(2026, 6, 1), 5), (day(2026, 5, 31), 3.5), (day(2026, 1, 31), 10)):
        found = prices.price(MILLION, "openai:m", at=at, model_returned="o3")
        assert Decimal(str(expected)) == found.cost_usd


def test_of_several_dated_entries_the_last_that_had_begun_holds():
    """A list is searched by date, both days of an entry included."""
    entries = [
        {**ENTRY, "valid_from": "2026-01-01", "valid_to": "2026-06-30"},
        {**ENTRY, "input_usd_per_mtok": 10, "valid_from": "2026-07-01"},
    ]
    prices = book(entries, seller=VLLM)
    found = [
        prices.price(MILLION, "vllm:m", at=day(2026, m, d)).cost_usd
        for m, d in ((1, 1), (6, 30), (7, 1))
    ]
    assert [Decimal("3.5"), Decimal("3.5"), Decimal("12.5")] == found
    assert prices.price(MILLION, "vllm:m", at=day(2025, 12, 31)).cost_usd is None


@pytest.mark.parametrize(
    "seller",
    [
        VLLM,
        Seller("ollama", "openai_chat", "http://localhost:11434/v1"),
        Seller("lan", "openai_chat", "http://10.1.2.3:8000/v1"),
        Seller("cluster", "openai_chat", "http://vllm/v1"),
        Seller("openai", "openai_chat", "https://llm.example.org/v1"),
        Seller("openai", "python"),
        Seller("openai", "llama_cpp"),
        Seller("nobody", ""),
        Seller("my-openai-clone", "", None),
    ],
)
def test_what_no_vendor_sells_is_unpriced(seller):
    """An own server's o3 is not OpenAI's: no price is guessed from a name."""
    found = book(seller=seller).price(MILLION, f"{seller.name}:m", at=NOVEMBER, model_returned="o3")
    assert (found.cost_usd, found.unit_prices) == (None, {})


@pytest.mark.parametrize(
    ("seller", "model", "vendor"),
    [
        (Seller("azure", "openai_chat", None, "azure"), "gpt-4o", "azure"),
        (Seller("my", "gemini", None, "vertex"), "gemini-2.5-flash", "google"),
        (Seller("my", "anthropic_messages"), "claude-sonnet-4-5", "anthropic"),
        (Seller("old-logs", "replay"), "o3", "openai"),
        (Seller("old-logs", "replay"), "gpt-oss-20b", None),
        (Seller("old-logs", "replay"), "llama-4-scout", None),
    ],
)
def test_sellers_without_an_address_are_found_by_sdk_name_or_wire(seller, model, vendor):
    """A recording has a list price only where its model's name leaves one seller."""
    prices = PriceBook({}, {seller.name: seller})
    found = prices.price(MILLION, f"{seller.name}:{model}", at=NOVEMBER)
    assert (vendor is not None) == (found.cost_usd is not None)
    assert found.matched.startswith(vendor or "")


def test_a_self_hosted_model_has_no_price_per_token_and_says_so():
    """It stops the search: the packaged table is not asked."""
    hosted = {"mode": "self_hosted", "usd_per_gpu_hour": {"low": 1, "mode": 2, "high": 3}}
    found = book(hosted).price(MILLION, "openai:m", at=NOVEMBER, model_returned="o3")
    assert found.cost_usd is None
    assert "self_hosted" in found.source


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage(input=1_000_000, output=0), "1"),
        (Usage(input=1_000_000, output=0, cache_read=400_000), "0.64"),
        (Usage(input=1_000_000, output=0, cache_write=400_000), "1.1"),
        (Usage(input=0, output=1_000_000, reasoning=900_000), "2.5"),
        (Usage(input=0, output=0), "0"),
        (Usage(input=10, output=None), None),
        (Usage(input=10, output=10, cache_read=11), None),
        (None, None),
    ],
)
def test_parts_of_the_input_have_their_own_price(usage, expected):
    """Cached tokens are part of the input, reasoning of the output; what is missing is unknown."""
    cached = {"cache_read_usd_per_mtok": 0.1, "cache_write_usd_per_mtok": 1.25}
    found = book({**ENTRY, **cached}).price(usage, "openai:m", at=NOVEMBER)
    assert (None if expected is None else Decimal(expected)) == found.cost_usd


def test_a_batch_costs_its_multiplier():
    """Declared entries by batch_multiplier, the packaged table by its own batch prices."""
    prices = book({**ENTRY, "batch_multiplier": 0.5})
    found = prices.price(MILLION, "openai:m", at=NOVEMBER, service_tier="batch")
    listed = PriceBook({}, SELLERS).price(MILLION, "openai:o3", at=NOVEMBER, service_tier="batch")
    assert Decimal("1.75") == found.cost_usd
    assert Decimal(5) == listed.cost_usd


def test_a_tier_without_a_listed_price_is_said():
    """Before flex prices were listed, the standard price stands, with a note."""
    prices = PriceBook({}, SELLERS)
    then = prices.price(MILLION, "openai:o3", at=day(2025, 11, 1), service_tier="flex")
    now = prices.price(MILLION, "openai:o3", at=NOVEMBER, service_tier="flex")
    plain = prices.price(MILLION, "openai:o3", at=NOVEMBER, service_tier="default")
    assert (Decimal(10), True) == (then.cost_usd, "flex" in then.source)
    assert (Decimal(5), False) == (now.cost_usd, "flex" in now.source)
    assert (Decimal(10), False) == (plain.cost_usd, ";" in plain.source)


def test_every_packaged_price_agrees_with_the_tables_own_calculation():
    """genai-prices' calc_price is the oracle, over all models of the big vendors."""
    from genai_prices import Usage as TheirUsage
    from genai_prices import calc_price, data_snapshot

    generator, prices, compared = random.Random(1), PriceBook({}, SELLERS), 0
    for vendor in ("openai", "anthropic", "deepseek"):
        table = next(p for p in data_snapshot.get_snapshot().providers if p.id == vendor)
        for model, hour in itertools.product(table.models, (2, 12)):
            read, write = generator.randrange(1000), generator.randrange(1000)
            usage = Usage(
                input=generator.choice([5000, 300_000]), output=700,
                cache_read=read, cache_write=write,
            )  # fmt: skip
            at = day(2026, generator.randrange(1, 12), 15, hour)
            found = prices.price(usage, f"{vendor}:{model.id}", at=at)
            if found.cost_usd is None or found.matched != f"{vendor}/{model.id}":
                continue
            theirs = calc_price(
                TheirUsage(
                    input_tokens=usage.input, output_tokens=usage.output,
                    cache_read_tokens=read, cache_write_tokens=write,
                ),
                model.id, provider_id=vendor, genai_request_timestamp=at,
            )  # fmt: skip
            assert theirs.total_price == found.cost_usd, (vendor, model.id, at)
            compared += 1
    assert compared > 150


def test_hours_of_the_packaged_table_begin_at_whole_minutes():
    """The memo keeps a price for a minute, so no price may change within one."""
    from genai_prices import data_snapshot

    for provider in data_snapshot.get_snapshot().providers:
        for model in provider.models:
            for price in model.prices if isinstance(model.prices, list) else ():
                for end in ("start_time", "end_time"):
                    moment = getattr(price.constraint, end, dt.time())
                    assert (moment.second, moment.microsecond) == (0, 0)


def test_pricing_is_fast_for_the_same_model():
    """Well above 10,000 attempts a second even on a busy machine (50,000 on a quiet one)."""
    prices, usage = PriceBook({}, SELLERS), Usage(input=1000, output=200, cache_read=100)
    prices.price(usage, "openai:gpt-5-mini", at=NOVEMBER)
    started = time.process_time()
    for second in range(5000):
        at = NOVEMBER + dt.timedelta(seconds=second)
        prices.price(usage, "openai:gpt-5-mini", at=at, model_returned="gpt-5-mini-2025-08-07")
    assert time.process_time() - started < 0.5


def test_the_packaged_table_is_not_imported_before_it_is_needed():
    """A run of embedded models never pays for it."""
    code = (
        "import sys, datetime as dt\n"
        "from evalkit.core.records import Usage\n"
        "from evalkit.providers.pricing import PriceBook, Seller\n"
        "book = PriceBook({}, {'v': Seller('v', 'openai_chat', 'http://127.0.0.1/v1')})\n"
        "book.price(Usage(input=1, output=1), 'v:o3', at=dt.datetime.now(dt.UTC))\n"
        "sys.exit('genai_prices' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"input_usd_per_mtok": 1}, "`output_usd_per_mtok` is missing"),
        ({**ENTRY, "input_usd_per_mtok": -1}, "number >= 0"),
        ({**ENTRY, "input_usd_per_mtok": True}, "number >= 0"),
        ({**ENTRY, "input_usd_per_mtok": "1"}, "number >= 0"),
        ({**ENTRY, "input_usd_per_mtok": float("nan")}, "number >= 0"),
        ({**ENTRY, "inptu": 1}, "unknown key 'inptu'"),
        ({**ENTRY, "valid_from": "soon"}, "a date like"),
        ({**ENTRY, "mode": "per_hour"}, "`mode` got 'per_hour'"),
        ("cheap", "must be a mapping"),
    ],
)
def test_a_malformed_price_is_refused_with_its_place(entry, problem):
    """Wrong prices are configuration errors, never a guess."""
    with pytest.raises(ConfigError, match=f"^providers.yaml:7.*{problem}"):
        price_entries(entry, "providers.yaml:7")


def test_rows_name_provider_and_model_and_all_problems_are_told():
    """prices.yaml rows are checked at once."""
    with pytest.raises(ConfigError) as caught:
        price_rows([ENTRY, {"provider": "x", "model": "y"}, {**ENTRY, "provider": 3}])
    assert len(caught.value.problems) == 3
    assert caught.value.problems[0].startswith("prices.yaml row 1: `provider` and `model`")


def test_a_catalogue_becomes_a_book(tmp_path: Path):
    """Wire names, addresses and pricing entries come from providers.yaml."""
    file = tmp_path / "providers.yaml"
    file.write_text(
        "schema_version: 1\nproviders:\n  up:\n    wire: openai_chat\n"
        "    base_url: https://api.openai.com/v1\n    models:\n"
        "      cheap: {model: o3}\n"
        "      own: {pricing: {mode: per_token, input_usd_per_mtok: 1, output_usd_per_mtok: 1}}\n"
    )
    prices = PriceBook.from_catalogue(load_catalogue(file))
    assert Decimal(10) == prices.price(MILLION, "up:cheap", at=NOVEMBER).cost_usd
    assert Decimal(2) == prices.price(MILLION, "up:own", at=NOVEMBER).cost_usd


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://[::1]:8000", True),
        ("http://192.168.1.5/v1", True),
        ("http://gpu-box:8000", True),
        ("http://llm.team.svc:80", True),
        ("https://api.openai.com/v1", False),
        ("https://8.8.8.8/v1", False),
    ],
)
def test_own_addresses_are_told_from_public_ones(url, own):
    """Loopback, private networks and single-label hosts are one's own."""
    assert own == is_own_address(url)
