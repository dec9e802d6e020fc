"""`evalkit decide`: the five questions answered, one recommendation, and honest silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.analysis.decision.tuning import tuned_pairs
from tests.cli.test_breakeven import PRICES, N, recorded

HOSTED = "weights: open_permissive, " + PRICES.replace("3,", "0.3,").replace("15", "0.6")
CLOSED = f"weights: closed, {PRICES}"
OWN = "weights: open_permissive"


def decided(evalkit: Any, run: Path, business: str) -> dict[str, Any]:
    """Return the suite's decision under a profile."""
    Path("business.yaml").write_text(f"schema_version: 1\n{business}\n")
    said = evalkit("decide", run, "--profile", "business.yaml", "--json")
    assert said.code == 0, said.err
    return json.loads(said.out)["suites"]["yesno"]


def volume(requests: int) -> str:
    return f"volumes: {{yesno: {{requests_per_month: {requests}}}}}\n"


SERVING = (
    "self_hosting: {llama: {usd_per_gpu_hour: 1, requests_per_s_per_replica: 20, min_replicas: 1, "
    "utilisation: 1, peak_factor: 1}}\noperations: {hours_per_month: 0, setup_hours: 0}\n"
)


@pytest.mark.parametrize(
    ("requests", "people", "advice"),
    [(1_000, 1, "api"), (1_000_000, 1, "self-host"), (1_000_000, 0, "api")],
)
def test_volume_and_people_decide_between_buying_and_running(
    evalkit: Any, requests: int, people: int, advice: str
) -> None:
    """A GPU for $803 a month against $0.0105 a request, equally good; nobody runs it alone."""
    run = recorded(evalkit, {"sonnet": (CLOSED, ()), "llama": (OWN, ())})
    business = volume(requests) + SERVING + f"talent: {{ml_engineers: {people}}}"
    assert decided(evalkit, run, business)["recommendation"]["advice"] == advice


def test_what_is_not_sure_to_be_cheaper_is_not_run_oneself(evalkit: Any) -> None:
    """A wide range of rents around the API's price: probability below 0.8."""
    run = recorded(evalkit, {"sonnet": (CLOSED, ()), "llama": (OWN, ())})
    wide = SERVING.replace("usd_per_gpu_hour: 1,", "usd_per_gpu_hour: {low: 1, mode: 1, high: 9},")
    own = decided(evalkit, run, volume(150_000) + wide + "talent: {ml_engineers: 1}")
    assert own["recommendation"]["advice"] == "api"
    assert "the probability of that is" in own["recommendation"]["why"]


def test_the_same_open_model_elsewhere_can_be_the_answer(evalkit: Any) -> None:
    """As good, cheaper than the API, and nobody has to run it."""
    run = recorded(evalkit, {"sonnet": (CLOSED, ()), "llama": (HOSTED, ())})
    own = decided(evalkit, run, volume(10_000))
    assert own["recommendation"]["advice"] == "hosted open"
    assert own["recommendation"]["way"] == "log:llama"


def test_quality_comes_before_price(evalkit: Any) -> None:
    """A cheap model that is worse is not fit, and why is said."""
    run = recorded(evalkit, {"sonnet": (CLOSED, ()), "llama": (HOSTED, range(40))})
    own = decided(evalkit, run, volume(10_000))
    assert own["recommendation"]["way"] == "log:sonnet"
    way = next(way for way in own["ways"] if way["way"] == "log:llama")
    assert (way["fit"], "are not ruled out" in way["against"][0]) == (False, True)


def test_data_that_may_not_leave_are_kept_at_home(evalkit: Any) -> None:
    """Nobody declares enough for personal data; one's own servers may see them."""
    run = recorded(evalkit, {"sonnet": (CLOSED, ()), "llama": (OWN, ())})
    business = volume(1_000) + SERVING + "sensitivity: {yesno: personal}\ntalent: {ml_engineers: 1}"
    own = decided(evalkit, run, business)
    assert own["recommendation"]["advice"] == "self-host"
    assert "not to: log:sonnet" in own["questions"][0]["answer"]
    nobody = decided(evalkit, run, volume(1_000) + "sensitivity: {yesno: personal}")
    assert nobody["recommendation"]["advice"] == "nothing is fit"


def test_no_model_where_rules_do(evalkit: Any) -> None:
    """Rules that are surely good enough need no language model."""
    run = recorded(evalkit, {"sonnet": (CLOSED, ())})
    Path("suites/yesno/rules.py").write_text("def answer(sample):\n    return 'yes'\n")
    text = Path("log.yaml").read_text() + "  rules: {wire: python, models: {rules: {}}}\n"
    Path("log.yaml").write_text(text)
    said = evalkit("run", "suites/yesno", "--providers", "log.yaml", "--json")
    run = Path(json.loads(said.out)["path"])
    own = decided(evalkit, run, volume(1_000))
    assert (own["recommendation"]["advice"], own["recommendation"]["way"]) == (
        "no model",
        "rules:rules",
    )


def test_too_few_samples_are_not_decided_on(evalkit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so, and what to measure next."""
    monkeypatch.setattr("tests.cli.test_breakeven.N", 20)
    run = recorded(evalkit, {"sonnet": (CLOSED, ())})
    own = decided(evalkit, run, volume(1_000))
    assert own["recommendation"]["advice"] == "cannot say"
    assert any("more samples" in line for line in own["recommendation"]["measure_next"])


def test_what_is_not_said_is_asked_for_by_name(evalkit: Any) -> None:
    """Volume and people."""
    run = recorded(evalkit, {"sonnet": (CLOSED, ())})
    own = decided(evalkit, run, "horizon_months: 12")
    missing = {question["missing"] for question in own["questions"]}
    assert {"volumes.yesno.requests_per_month", "talent.ml_engineers"} <= missing
    assert own["recommendation"]["usd_per_month"] is None


def test_a_tuned_model_stands_beside_its_base(evalkit: Any) -> None:
    """What the tuning bought, paired by sample."""
    tuned = "weights: open_permissive, base: llama"
    run = recorded(evalkit, {"llama": (OWN, range(60)), "llama-tuned": (tuned, range(12))})
    (row,) = decided(evalkit, run, volume(1_000))["tuned"]
    assert (row["arm"], row["base_arm"]) == ("log:llama-tuned", "log:llama")
    assert row["quality_difference"]["value"] == pytest.approx(48 / N)
    assert row["quality_difference"]["low"] > 0.3
    assert tuned_pairs([]) == []


def test_the_page_is_one_file_that_asks_for_nothing(evalkit: Any) -> None:
    """With Markdown and JSON beside it; equal input gives equal bytes."""
    run = recorded(evalkit, {"sonnet": (CLOSED, ()), "llama": (OWN, ())})
    Path("business.yaml").write_text(f"schema_version: 1\n{volume(1_000)}{SERVING}")
    pages = []
    for _ in range(2):
        said = evalkit("decide", run, "--profile", "business.yaml", "-o", "out/d.html")
        assert said.code == 0, said.err
        pages.append(Path("out/d.html").read_bytes())
    assert pages[0] == pages[1]
    assert b"default-src &#39;none&#39;" in pages[0]
    assert b" style=" not in pages[0]
    assert b"buy it from an API" in pages[0]
    assert {"d.html", "d.md", "d.json"} == {path.name for path in Path("out").iterdir()}


@pytest.mark.parametrize(
    ("business", "arguments", "said"),
    [
        ("volumes: {yesnoo: {requests_per_month: 5}}", [], "`volumes` names 'yesnoo'"),
        ("self_hosting: {x: {}}", [], "it has: sonnet"),
        ("talent: {ml_engineers: -1}", [], "business.yaml:2: `ml_engineers`"),
        ("horizon_months: 12", ["--margin", "5"], "--margin must be from 0"),
        ("horizon_months: 12", ["-o", "x.pdf"], "ends in .html"),
    ],
)
def test_what_is_wrong_is_one_line(
    evalkit: Any, business: str, arguments: list[str], said: str
) -> None:
    """Exit code 2."""
    run = recorded(evalkit, {"sonnet": (CLOSED, ())})
    Path("business.yaml").write_text(f"schema_version: 1\n{business}\n")
    answer = evalkit("decide", run, "--profile", "business.yaml", *arguments)
    assert answer.code == 2
    assert said in answer.err
    assert len(answer.err.strip().splitlines()) == 1
