"""`evalkit breakeven`: the published table by the command, and what cannot be said is not."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.recorded import write_suite

N = 120
MIX = {"input": 2000, "output": 300}
PRICES = "pricing: {mode: per_token, input_usd_per_mtok: 3, output_usd_per_mtok: 15}"


def recorded(evalkit: Any, arms: dict[str, tuple[str, Iterable[int]]], usage: Any = MIX) -> Path:
    """Run recordings: each arm has its line of providers.yaml and the samples it errs on."""
    write_suite(N)
    rows = [
        {
            "sample_id": f"s{n}", "model": arm, "text": "no" if n in set(wrong) else "yes",
            "usage": usage, "service_ms": 300, "recorded_at": "2026-10-01T00:00:00Z",
        }
        for arm, (_, wrong) in arms.items()
        for n in range(N)
    ]  # fmt: skip
    Path("log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    models = "".join(f"      {arm}: {{{facts}}}\n" for arm, (facts, _) in arms.items())
    Path("log.yaml").write_text(
        "schema_version: 1\nproviders:\n  log:\n    wire: replay\n    path: log.jsonl\n"
        f"    models:\n{models}"
    )
    said = evalkit("run", "suites/yesno", "--providers", "log.yaml", "--json")
    assert said.code == 0, said.err
    return Path(json.loads(said.out)["path"])


def sonnet_and_llama(evalkit: Any, llama_wrong: Iterable[int] = range(3)) -> Path:
    closed, own = f"weights: closed, {PRICES}", "weights: open_permissive"
    return recorded(evalkit, {"sonnet": (closed, range(4)), "llama-8b": (own, llama_wrong)})


def profile(serving: str, operations: str = "{hours_per_month: 0, setup_hours: 0}") -> Path:
    path = Path("business.yaml")
    path.write_text(
        "schema_version: 1\nvolumes: {yesno: {requests_per_month: 21739}}\n"
        f"self_hosting: {{llama-8b: {serving}}}\noperations: {operations}\n"
    )
    return path


def suite_of(evalkit: Any, run: Path, *arguments: object) -> dict[str, Any]:
    said = evalkit("breakeven", run, "--profile", "business.yaml", "--json", *arguments)
    assert said.code == 0, said.err
    return json.loads(said.out)["suites"]["yesno"]


@pytest.mark.parametrize(
    ("rent", "copies", "hours", "tokens"),
    [
        (0.34, 1, 0, 60e6),
        (0.79, 1, 0, 139e6),
        (1.69, 1, 0, 297e6),
        (1.69, 2, 20, 1.033e9),
        (0.34, 2, 20, 558e6),
        (0.79, 2, 20, 716e6),
    ],
)
def test_the_published_table_is_reproduced(
    evalkit: Any, rent: float, copies: int, hours: int, tokens: float
) -> None:
    """Servers of RTX 4090, L40S and H100 against $3 and $15 a million, within 2 %."""
    run = sonnet_and_llama(evalkit)
    profile(
        f"{{usd_per_gpu_hour: {rent}, min_replicas: {copies}, infrastructure_share: 0.1, "
        "requests_per_s_per_replica: 9.5, utilisation: 1, peak_factor: 1}",
        f"{{hours_per_month: {hours}, usd_per_hour: 100, setup_hours: 0}}",
    )
    suite = suite_of(evalkit, run)
    assert suite["breakeven_tokens_per_month"] == pytest.approx([tokens], rel=0.02)
    assert suite["arms"][0]["usd_per_month"] == pytest.approx(228, rel=0.02)
    assert suite["rule_of_thumb"]["api_usd_at_rule"] == pytest.approx(228, rel=0.02)


def test_every_attempt_is_priced_by_itself(evalkit: Any) -> None:
    """A million tokens in and out on a model with a tier costs $18 in small requests, not $28.5."""
    usage = {"input": 1_000_000 // N, "output": 1_000_000 // N}
    run = recorded(evalkit, {"claude-sonnet-4-5": ("weights: closed", ())}, usage)
    summary = json.loads((run / "summary.json").read_text())
    assert summary["rows"][0]["cost_usd"] == pytest.approx(18.0, rel=0.001)


def test_the_document_is_as_promised(evalkit: Any) -> None:
    """Keys of the contract, kinds, and equal runs give equal documents."""
    run = sonnet_and_llama(evalkit)
    profile("{}", "{}")
    suite = suite_of(evalkit, run)
    assert {
        "arm",
        "kind",
        "usd_per_month",
        "usd_per_1000_requests",
        "replicas",
        "equivalent",
    } <= set(suite["arms"][0])
    assert [("log:sonnet", "api"), ("log:llama-8b", "self_hosted")] == [
        (row["arm"], row["kind"]) for row in suite["arms"]
    ]
    assert 0 <= suite["p_self_hosting_cheaper"] <= 1
    assert any(line.startswith("usd_per_gpu_hour: 1.3 to 4") for line in suite["assumptions"])
    assert suite == suite_of(evalkit, run)


def test_the_same_open_model_elsewhere_is_an_arm_of_its_own(evalkit: Any) -> None:
    """Bought as it was measured, and served oneself by its measurements."""
    closed = f"weights: closed, {PRICES}"
    hosted = "weights: open_permissive, " + PRICES.replace("3,", "0.6,").replace("15", "0.8")
    run = recorded(evalkit, {"sonnet": (closed, ()), "llama-8b": (hosted, ())})
    profile("{usd_per_gpu_hour: 1.9}")
    suite = suite_of(evalkit, run)
    assert [row["kind"] for row in suite["arms"]] == ["api", "hosted_open", "self_hosted"]
    assert suite["arms"][2]["arm"] == "self:llama-8b"
    against = suite["against_hosted"]
    assert against["arm"] == "log:llama-8b"
    first = suite["breakeven_requests_per_month"][0]
    assert not against["breakeven_requests_per_month"] or (
        against["breakeven_requests_per_month"][0] > first
    )


def test_the_best_api_is_looked_at_too_where_another_is_cheapest(evalkit: Any) -> None:
    """Nothing undercuts the cheap and bad one; against the good one there is a break-even."""
    good, bad = (f"weights: closed, {PRICES}", "weights: closed, " + PRICES.replace("3,", "0.1,"))
    arms = {
        "good": (good, ()),
        "bad": (bad.replace("15", "0.4"), range(60)),
        "llama-8b": ("weights: open_permissive", ()),
    }
    run = recorded(evalkit, arms)
    profile("{usd_per_gpu_hour: 1.69, min_replicas: 1, infrastructure_share: 0.1}")
    suite = suite_of(evalkit, run)
    assert (suite["api_arm"], suite["breakeven_requests_per_month"]) == ("log:bad", [])
    assert suite["always"] == "bought"
    best = suite["against_reference"]
    assert best["arm"] == "log:good"
    assert best["breakeven_tokens_per_month"] == pytest.approx([297e6], rel=0.02)
    pair = next(own for own in suite["pairs"] if own["bought"] == "log:bad")
    assert (pair["bought_equivalent"], pair["for_good_requests_per_month"]) == (False, None)
    said = evalkit("breakeven", run, "--profile", "business.yaml").out
    text = " ".join(said.split())
    assert "log:bad is cheaper at every volume" in text
    assert "log:bad is not equivalent to log:good, the best API here." in text


def test_many_turns_are_told_in_a_line(evalkit: Any) -> None:
    """A replica of 1,000 requests a month at $10.48 against $10.50: a turn at every step."""
    run = sonnet_and_llama(evalkit)
    profile(
        f"{{usd_per_gpu_hour: {10.48 / 730}, requests_per_s_per_replica: {1000 / 730 / 3600}, "
        "utilisation: 1, peak_factor: 1, min_replicas: 1, infrastructure_share: 0}"
    )
    suite = suite_of(evalkit, run)
    assert len(suite["crossings"]) > 500
    assert suite["crossings"][-1]["cheaper_beyond"] == "self_hosted"
    text = evalkit("breakeven", run, "--profile", "business.yaml").out
    assert "more turns at the steps of the staircase" in " ".join(text.split())
    assert len(text) < 6000


def test_what_is_handed_on_needs_a_price(evalkit: Any) -> None:
    """Without one self-hosting's cost is not known, and not that of the servers alone."""
    arms = {"x": ("weights: closed", ()), "llama-8b": ("weights: open_permissive", ())}
    run = recorded(evalkit, arms)
    profile("{fallback_share: 0.5}")
    row = suite_of(evalkit, run)["arms"][1]
    assert row["usd_per_month"] is None
    assert "`fallback_share` is answered by an API, and none here has a price" in row["why"]


def test_an_api_that_costs_nothing_is_not_called_unpriced(evalkit: Any) -> None:
    """Nothing undercuts it."""
    free = "weights: closed, pricing: {input_usd_per_mtok: 0, output_usd_per_mtok: 0}"
    run = recorded(evalkit, {"x": (free, ()), "llama-8b": ("weights: open_permissive", ())})
    profile("{}")
    suite = suite_of(evalkit, run)
    assert suite["cannot_say"].startswith("cannot say: log:x costs nothing by its price")
    assert suite["arms"][0]["usd_per_month"] == 0


def test_one_model_of_two_hosts_is_served_as_measured_at_each(evalkit: Any) -> None:
    """Two names, two lines of the chart."""
    hosted = f"{{weights: open_permissive, {PRICES}}}"
    run = recorded(evalkit, {"llama-8b": (hosted[1:-1], ())})
    text = Path("log.yaml").read_text()
    other = text.partition("providers:\n")[2].replace("  log:", "  else:")
    Path("log.yaml").write_text(text + other)
    said = evalkit("run", "suites/yesno", "--providers", "log.yaml", "--json")
    run = Path(json.loads(said.out)["path"])
    profile("{}")
    suite = suite_of(evalkit, run)
    own = [row["arm"] for row in suite["arms"] if row["kind"] == "self_hosted"]
    assert own == ["self:log:llama-8b", "self:else:llama-8b"]
    assert len(suite["curve"]["usd_per_month"]) == 4


def test_suites_on_the_same_servers_pay_for_them_once(evalkit: Any) -> None:
    """Two suites of one model: half of what each alone would cost, and both are bought."""
    sonnet_and_llama(evalkit)
    other = write_suite(N, Path("suites/other"))
    text = (other / "suite.yaml").read_text().replace("name: yesno", "name: other")
    (other / "suite.yaml").write_text(text)
    said = evalkit("run", "suites/yesno", "suites/other", "--providers", "log.yaml", "--json")
    run = Path(json.loads(said.out)["path"])
    profile("{usd_per_gpu_hour: 1, infrastructure_share: 0}", "{hours_per_month: 10}")
    more = "volumes: {other: {requests_per_month: 10000}, "
    text = Path("business.yaml").read_text().replace("volumes: {", more)
    Path("business.yaml").write_text(text)
    answer = evalkit("breakeven", run, "--profile", "business.yaml", "--json")
    document = json.loads(answer.out)
    (row,) = document["together"]
    assert (row["suites"], row["replicas"]) == (["yesno", "other"], 2)
    alone = document["suites"]["yesno"]["arms"][1]["usd_per_month"]
    assert row["usd_per_month"] == pytest.approx(alone)
    assert row["usd_per_month_apart"] == pytest.approx(2 * alone)
    assert row["bought_usd_per_month"] == pytest.approx(31_739 * 0.0105)
    assert "Together: llama-8b for yesno, other" in " ".join(
        evalkit("breakeven", run, "--profile", "business.yaml").out.split()
    )


def test_what_is_assumed_but_does_not_fit_is_said(evalkit: Any) -> None:
    """Old rents, a throughput for requests ten times as long, a model without a size."""
    small = {"input": 150, "output": 30}
    own = {"sonnet": (f"weights: closed, {PRICES}", ()), "scout": ("weights: open_restricted", ())}
    run = recorded(evalkit, own, small)
    Path("business.yaml").write_text(
        "volumes: {yesno: {requests_per_month: 100}}\nself_hosting: {scout: {}}\n"
    )
    said = evalkit("breakeven", run, "--profile", "business.yaml")
    assert said.code == 0
    assert "scout: there is no estimate of such a replica of this model" in said.err
    assert "a request has 180 tokens here, and the throughput is assumed for 2,300" in said.err
    assert "rent of one GPU of the H100 class, US$ an hour: the default is" in said.err
    Path("business.yaml").write_text(
        "volumes: {yesno: {requests_per_month: 100}}\nself_hosting: {scout: "
        "{usd_per_gpu_hour: 2, requests_per_s_per_replica: 3, gpus_per_replica: 2}}\n"
    )
    assert evalkit("breakeven", run, "--profile", "business.yaml").err == ""


def test_a_worse_arm_is_not_called_equivalent(evalkit: Any) -> None:
    """Thirty points worse on 120 samples; cheaper all the same."""
    run = sonnet_and_llama(evalkit, range(40))
    profile("{usd_per_gpu_hour: 0.1, min_replicas: 1}")
    suite = suite_of(evalkit, run)
    assert suite["arms"][1]["equivalent"] is False
    said = evalkit("breakeven", run, "--profile", "business.yaml")
    assert "cheaper, not equivalent" in said.out


def test_files_are_written(evalkit: Any) -> None:
    """The document, its Markdown and a chart."""
    run = sonnet_and_llama(evalkit)
    profile("{}")
    said = evalkit("breakeven", run, "--profile", "business.yaml", "-o", "money")
    assert said.code == 0, said.err
    names = sorted(path.name for path in Path("money").iterdir())
    assert names == [
        "breakeven.json", "breakeven.md", "chart-breakeven-yesno.png", "chart-breakeven-yesno.svg",
    ]  # fmt: skip


def test_the_chart_holds_every_step_and_a_band(evalkit: Any) -> None:
    """Both sides of the first steps; nine of ten draws around the line; the last volume as well."""
    run = sonnet_and_llama(evalkit)
    profile("{usd_per_gpu_hour: {low: 1, mode: 2, high: 3}, requests_per_s_per_replica: 0.1}", "{}")
    curve = suite_of(evalkit, run)["curve"]
    volumes, costs = curve["requests_per_month"], curve["usd_per_month"]["log:llama-8b"]
    jumps = [b for a, b in itertools.pairwise(volumes) if b / a < 1.000002]
    assert len(jumps) == 40
    step = next(i for i, (a, b) in enumerate(itertools.pairwise(volumes)) if b / a < 1.000002)
    assert costs[step + 1] > costs[step]
    band = curve["band"]
    assert band["arm"] == "log:llama-8b"
    ends = zip(band["low_usd_per_month"], band["high_usd_per_month"], strict=True)
    assert all(low < high for low, high in ends)
    everything = (
        "{usd_per_gpu_hour: 2, requests_per_s_per_replica: 1, utilisation: 1, peak_factor: 1, "
        "infrastructure_share: 0}"
    )
    profile(everything, "{hours_per_month: 1, usd_per_hour: 1}")
    assert suite_of(evalkit, run)["curve"]["band"] is None


def test_without_a_price_nothing_is_claimed(evalkit: Any) -> None:
    """Unpriced is not free."""
    run = recorded(
        evalkit, {"x": ("weights: closed", ()), "llama-8b": ("weights: open_permissive", ())}
    )
    profile("{}")
    suite = suite_of(evalkit, run)
    assert suite["cannot_say"].startswith("cannot say, because no arm that is bought has a price")
    assert suite["p_self_hosting_cheaper"] is None
    assert suite["breakeven_requests_per_month"] == []
    assert suite["arms"][0]["usd_per_month"] is None


def test_without_a_self_hosted_arm_nothing_is_claimed(evalkit: Any) -> None:
    """It is asked for by name."""
    run = sonnet_and_llama(evalkit)
    Path("business.yaml").write_text(
        "schema_version: 1\nvolumes: {yesno: {requests_per_month: 100}}\n"
    )
    assert "name one under `self_hosting`" in suite_of(evalkit, run)["cannot_say"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "`volumes` names no suite of this run"),
        ("volumes: {other: {requests_per_month: 5}}", "this run has: yesno"),
        ("volumes: {yesno: {requests_per_month: -5}}", "business.yaml:2: `requests_per_month`"),
        ("self_hosting: {llama-9: {}}", "it has: llama-8b, sonnet"),
        ("self_hosting: {sonnet: {}}", "weights are closed: nobody can serve it"),
        ("volumes: {yesno: {requests_per_month: 1e300}}", "between 1e-09 and 1e+12 in size"),
        ("self_hosting: {llama-8b: {usd_per_gpu_hour: 1e-300}}", "business.yaml:2"),
        ("volumes: [1]", "must be a mapping"),
        ("volumes: {yesno: {requests_per_month: {low: 9, mode: 2, high: 3}}}", "must rise"),
        ("volumes: {yesno: {requests_per_month: 1e400}}", "business.yaml:2"),
        ("a: b: c", "business.yaml:2"),
    ],
)
def test_what_is_wrong_is_one_line(evalkit: Any, text: str, said: str) -> None:
    """Exit code 2, with where and what is allowed."""
    run = sonnet_and_llama(evalkit)
    Path("business.yaml").write_text(f"schema_version: 1\n{text}\n")
    answer = evalkit("breakeven", run, "--profile", "business.yaml")
    assert answer.code == 2
    assert said in answer.err
    assert len(answer.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "arguments", [["--margin", "2"], ["--suites", "x"], ["--models", "x"], ["--margin", "nan"]]
)
def test_options_that_mean_nothing_are_one_line(evalkit: Any, arguments: list[str]) -> None:
    """Exit code 2."""
    run = sonnet_and_llama(evalkit)
    profile("{}")
    answer = evalkit("breakeven", run, "--profile", "business.yaml", *arguments)
    assert (answer.code, len(answer.err.strip().splitlines())) == (2, 1)


def test_a_report_shows_the_break_even_of_a_known_business(evalkit: Any) -> None:
    """Chart, table and sentences in the page; a wrong profile is one line."""
    run = sonnet_and_llama(evalkit)
    profile("{usd_per_gpu_hour: 0.34, min_replicas: 1}")
    said = evalkit("report", run, "--profile", "business.yaml", "-o", "out/x.html")
    assert said.code == 0, said.err
    page = Path("out/x.html").read_text(encoding="utf-8")
    assert "what a month costs, by the volume" in page
    assert "The rule of thumb says 50 M tokens a month" in page
    assert Path("out/x/breakeven-yesno.csv").is_file()
    assert Path("out/x/chart-breakeven-yesno.svg").is_file()
    Path("business.yaml").write_text("schema_version: 1\nself_hosting: {x: {}}\n")
    answer = evalkit("report", run, "--profile", "business.yaml", "-o", "out/y.html")
    assert (answer.code, len(answer.err.strip().splitlines())) == (2, 1)


@pytest.mark.parametrize("name", ["llama-8b", "log:llama-8b", "llama-3.1-8b-instruct"])
def test_a_model_is_served_by_any_of_its_names(evalkit: Any, name: str) -> None:
    """Its own, with its provider's, or that of the weights which it shares with others."""
    facts = "weights: open_permissive, same_weights: llama-3.1-8b-instruct"
    run = recorded(evalkit, {"sonnet": (f"weights: closed, {PRICES}", ()), "llama-8b": (facts, ())})
    Path("business.yaml").write_text(
        "schema_version: 1\nvolumes: {yesno: {requests_per_month: 21739}}\n"
        f"self_hosting: {{'{name}': {{usd_per_gpu_hour: 1}}}}\n"
    )
    assert suite_of(evalkit, run)["self_hosted_arm"] == "log:llama-8b"
