"""What `evalkit decide` recommends where it would be easy to be wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_breakeven import PRICES, recorded
from tests.cli.test_decide import CLOSED, HOSTED, OWN, SERVING, decided, volume

PEOPLE = "talent: {ml_engineers: 1}\n"
SERVED = "{usd_per_gpu_hour: 1, requests_per_s_per_replica: 20, min_replicas: 1, utilisation: 1, "
SERVED += "peak_factor: 1}"


def written(run: Path, business: str, evalkit: Any) -> str:
    """Return the page as Markdown."""
    Path("business.yaml").write_text(f"schema_version: 1\n{business}\n")
    said = evalkit("decide", run, "--profile", "business.yaml", "-o", "d.html")
    assert said.code == 0, said.err
    return Path("d.md").read_text()


@pytest.mark.parametrize("limit", ["", "limits: {yesno: {malformed_rate: 1}}\n"])
def test_what_was_never_right_is_not_fit(evalkit: Any, limit: str) -> None:
    """The best of arms that are always wrong is no answer; route assigns nobody either."""
    run = recorded(evalkit, {"sonnet": (CLOSED, range(120)), "llama": (HOSTED, range(120))})
    own = decided(evalkit, run, volume(10_000) + limit)
    assert own["recommendation"]["advice"] == "nothing is fit"
    assert {way["against"][0] for way in own["ways"]} == {"no answer was right"}
    routed = json.loads(evalkit("route", run, "--json").out)
    assert routed["policy_path"] is None


def test_equal_scores_on_few_samples_prove_nothing(
    evalkit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty right each: five points worse are not ruled out, three may be; more samples tell."""
    monkeypatch.setattr("tests.cli.test_breakeven.N", 50)
    run = recorded(evalkit, {"sonnet": (CLOSED, ()), "llama": (HOSTED, ())})
    own = decided(evalkit, run, volume(10_000))["recommendation"]
    assert own["way"] == "log:sonnet"
    assert own["is_open"] is True
    assert "not told apart from what is good enough: log:llama" in own["why"]
    assert any("independent samples" in line for line in own["measure_next"])
    routed = json.loads(evalkit("route", run, "--json", "--force").out)
    assert routed["assignment"]["yesno"]["model"] == "log:sonnet"


def test_the_probability_is_of_the_pair_that_is_chosen_between(evalkit: Any) -> None:
    """A cheap arm that is never right must not decide whether serving beats the fit API."""
    junk = "weights: closed, " + PRICES.replace("3,", "0.001,").replace("15", "0.001")
    run = recorded(
        evalkit, {"sonnet": (CLOSED, ()), "llama": (OWN, ()), "junk": (junk, range(120))}
    )
    own = decided(evalkit, run, volume(1_000_000) + SERVING + PEOPLE)["recommendation"]
    assert (own["advice"], own["way"]) == ("self-host", "log:llama")


def test_what_would_change_it_is_of_that_pair_and_that_way_round(evalkit: Any) -> None:
    """$803 a month against $0.0105 a request cross at 76,476: below it buying is cheaper."""
    run = recorded(evalkit, {"sonnet": (CLOSED, ()), "llama": (OWN, ())})
    much = decided(evalkit, run, volume(1_000_000) + SERVING + PEOPLE)
    assert any(
        line.startswith("a volume below 76,4") for line in much["recommendation"]["would_change_it"]
    )
    little = decided(evalkit, run, volume(1_000) + SERVING + PEOPLE)
    changes = little["recommendation"]["would_change_it"]
    assert any(line.startswith("a volume beyond 76,4") for line in changes)
    assert "log:llama and log:sonnet cost the same at 76,4" in little["questions"][2]["answer"]


def test_a_host_that_is_always_cheaper_has_no_volume_to_wait_for(evalkit: Any) -> None:
    """Serving costs $803 at least, and the host a tenth of that at any volume named."""
    run = recorded(evalkit, {"sonnet": (CLOSED, ()), "llama": (HOSTED, ())})
    business = volume(10_000) + SERVING + PEOPLE
    own = decided(evalkit, run, business)["recommendation"]
    assert own["way"] == "log:llama"
    assert all("log:sonnet" not in line for line in own["would_change_it"])


def test_without_a_volume_the_price_of_a_request_decides(evalkit: Any) -> None:
    """Of two that are fit the cheaper one, with what it costs."""
    run = recorded(evalkit, {"sonnet": (CLOSED, ()), "llama": (HOSTED, ())})
    own = decided(evalkit, run, "horizon_months: 12")["recommendation"]
    assert own["way"] == "log:llama"
    assert "for 1,000 requests" in own["why"]


def test_closed_weights_are_nobodys_own(evalkit: Any) -> None:
    """However its provider is declared: it is an API, and not among the open ones."""
    run = recorded(evalkit, {"sonnet": (CLOSED, ())})
    text = Path("log.yaml").read_text()
    Path("log.yaml").write_text(
        text.replace("    models:\n", "    governance: {processor: self}\n    models:\n")
    )
    said = evalkit("run", "suites/yesno", "--providers", "log.yaml", "--json")
    run = Path(json.loads(said.out)["path"])
    own = decided(evalkit, run, volume(1_000))
    assert own["recommendation"]["advice"] == "api"
    assert "with closed weights quality is up to 1.00" in own["questions"][1]["answer"]


def test_names_of_other_suites_and_models_are_said_and_let_be(evalkit: Any) -> None:
    """One profile for the whole house; the page says what holds for nothing here."""
    run = recorded(evalkit, {"sonnet": (CLOSED, ()), "llama": (OWN, ())})
    business = (
        "volumes: {yesno: {requests_per_month: 1000}, other: {requests_per_month: 5}}\n"
        f"sensitivity: {{other: personal}}\nself_hosting: {{llama: {SERVED}, mistral: {SERVED}}}\n"
    )
    page = written(run, business, evalkit)
    assert "`sensitivity` of other holds for nothing in this run".replace("`", r"\`") in page
    assert "of mistral holds for nothing" in page
    for command in ("breakeven", "route"):
        said = evalkit(command, run, "--profile", "business.yaml")
        assert said.code == 0, said.err
        assert "holds for nothing" in said.err


def test_a_run_that_was_not_ended_is_named_on_the_page(evalkit: Any) -> None:
    """Half a run must not look whole to who reads the page alone."""
    run = recorded(evalkit, {"sonnet": (CLOSED, ())})
    manifest = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**manifest, "state": "interrupted"}))
    page = written(run, volume(1_000), evalkit)
    assert "interrupted" in page
    assert "interrupted" in Path("d.html").read_text()


def test_several_suites_on_the_same_servers_are_told(evalkit: Any) -> None:
    """The figure to decide on stands on the page."""
    run = recorded(evalkit, {"sonnet": (CLOSED, ()), "llama": (OWN, ())})
    other = Path("suites/other")
    other.mkdir()
    for file in Path("suites/yesno").iterdir():
        (other / file.name).write_bytes(file.read_bytes().replace(b"name: yesno", b"name: other"))
    said = evalkit("run", "suites/yesno", "suites/other", "--providers", "log.yaml", "--json")
    run = Path(json.loads(said.out)["path"])
    business = (
        "volumes: {yesno: {requests_per_month: 1000}, other: {requests_per_month: 1000}}\n"
        + SERVING
        + PEOPLE
    )
    told = "Together: llama for yesno, other on the same servers"
    assert told in written(run, business, evalkit)
    said = evalkit("report", run, "--profile", "business.yaml", "-o", "r.html")
    assert said.code == 0, said.err
    assert told in Path("r.html").read_text()


def test_what_is_cheaper_for_all_suites_together_is_said_in_each(evalkit: Any) -> None:
    """$803 for servers that two share; bought each takes $525, and alone serving costs more."""
    run = recorded(evalkit, {"sonnet": (CLOSED, ()), "llama": (OWN, ())})
    other = Path("suites/other")
    other.mkdir()
    for file in Path("suites/yesno").iterdir():
        (other / file.name).write_bytes(file.read_bytes().replace(b"name: yesno", b"name: other"))
    said = evalkit("run", "suites/yesno", "suites/other", "--providers", "log.yaml", "--json")
    run = Path(json.loads(said.out)["path"])
    business = (
        "volumes: {yesno: {requests_per_month: 50000}, other: {requests_per_month: 50000}}\n"
        + SERVING
        + PEOPLE
    )
    Path("business.yaml").write_text(f"schema_version: 1\n{business}")
    document = json.loads(evalkit("decide", run, "--profile", "business.yaml", "--json").out)
    for suite in document["suites"].values():
        own = suite["recommendation"]
        assert (own["advice"], own["is_open"]) == ("api", True)
        assert own["would_change_it"][0].startswith(
            "llama on the same servers for yesno, other: $80"
        )
        assert "against $1,050.00" in own["would_change_it"][0]
