"""A judge against people: figures by hand, by scikit-learn and by closed forms."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sklearn.metrics import cohen_kappa_score

from evalkit.analysis.judges.figures import CriterionFacts, Verdict, judge_figures
from evalkit.analysis.judges.labels import Item, Label
from evalkit.stats import wilson

YES_NO = CriterionFacts(id="ok", question="?", verdicts=("no", "yes"))
SCALE = CriterionFacts(id="ok", question="?", verdicts=("0", "1", "2"))


def item(number: int, arm: str = "p:a") -> Item:
    return Item(f"s{number}", arm, 1)


def labelled(words: list[str], person: str = "ann", arm: str = "p:a") -> list[Label]:
    return [Label(item(n, arm), "ok", word, person, n + 1) for n, word in enumerate(words)]


def judged(words: list[str | None], arm: str = "p:a") -> dict[Item, dict[str, Verdict]]:
    return {item(n, arm): {"ok": Verdict(w, lost=w is None)} for n, w in enumerate(words)}


def figures(labels: list[Label], verdicts: Any, criterion: CriterionFacts = YES_NO) -> Any:
    return judge_figures([criterion], labels, verdicts)["ok"]


def test_rates_agreement_and_confusion_are_those_of_the_table() -> None:
    """40 items: 20 met by people, of which the judge finds 18; 20 not met, of which it finds 15."""
    people = ["yes"] * 20 + ["no"] * 20
    judge = ["yes"] * 18 + ["no"] * 2 + ["no"] * 15 + ["yes"] * 5
    found = figures(labelled(people), judged(judge))
    assert found["n"] == 40
    assert (found["tpr"]["value"], found["tnr"]["value"]) == (0.9, 0.75)
    exact = wilson(18, 20)
    assert (found["tpr"]["low"], found["tpr"]["high"]) == (exact.low, exact.high)
    assert found["agreement"]["value"] == 33 / 40
    assert found["kappa"] == pytest.approx(cohen_kappa_score(people, judge))
    assert found["confusion"]["counts"] == [[15, 5], [2, 18]]
    assert found["prevalence"] == {"people": 0.5, "judge": 23 / 40}


def test_an_ordinal_criterion_has_quadratic_weights_and_rates_of_the_top() -> None:
    """TPR asks for "fully met"; near misses cost kappa less than far ones."""
    generator = random.Random(1)
    people = [generator.choice("012") for _ in range(60)]
    judge = [p if generator.random() < 0.7 else generator.choice("012") for p in people]
    found = figures(labelled(people), judged(list(judge)), SCALE)
    assert found["kappa_weights"] == "quadratic"
    assert found["kappa"] == pytest.approx(cohen_kappa_score(people, judge, weights="quadratic"))
    top = [j == "2" for p, j in zip(people, judge, strict=True) if p == "2"]
    assert found["tpr"]["value"] == pytest.approx(sum(top) / len(top))


def test_a_judge_that_always_says_yes_is_shown_up() -> None:
    """High agreement where most is met; kappa 0, TNR 0, and a sentence that says it."""
    people = ["yes"] * 36 + ["no"] * 4
    found = figures(labelled(people), judged(["yes"] * 40))
    assert found["agreement"]["value"] == 0.9
    assert (found["kappa"], found["tnr"]["value"]) == (0.0, 0.0)
    assert any("the judge said yes to all 40" in note for note in found["notes"])
    assert found["rogan_gladen"] is None


def test_the_pass_rate_is_corrected_by_peoples_labels() -> None:
    """A judge that finds 20 points too much met on 100 labels does so on the 900 others too."""
    people = ["yes"] * 50 + ["no"] * 50
    judge = ["yes"] * 70 + ["no"] * 30
    verdicts = {**judged(judge)}
    rest = {
        Item(f"r{n}", "p:a", 1): {"ok": Verdict("yes" if n < 630 else "no")} for n in range(900)
    }
    found = figures(labelled(people), {**verdicts, **rest})
    assert found["n_unlabelled"] == 900
    assert found["judge_pass_rate"]["value"] == pytest.approx(0.7)
    assert found["corrected_pass_rate"]["value"] == pytest.approx(0.5)
    assert found["corrected_pass_rate"]["low"] < 0.5 < found["corrected_pass_rate"]["high"]
    assert found["rogan_gladen"]["value"] == pytest.approx((0.7 + 0.6 - 1) / (1.0 + 0.6 - 1))


def test_without_unlabelled_outputs_the_rate_is_peoples_own() -> None:
    """There is nothing to correct: the mean of the labels with its interval."""
    found = figures(labelled(["yes"] * 6 + ["no"] * 4), judged(["yes"] * 10))
    assert found["corrected_pass_rate"]["value"] == 0.6


def test_lost_verdicts_and_ties_are_counted_and_in_no_figure() -> None:
    """Neither a no nor an agreement."""
    verdicts = judged(["yes", "no", None, "yes"])
    verdicts[item(3)] = {"ok": Verdict(None, lost=False)}
    found = figures(labelled(["yes", "no", "yes", "yes"]), verdicts)
    assert (found["n"], found["n_judge_error"], found["n_judge_tie"]) == (2, 1, 1)
    assert found["agreement"]["value"] == 1.0
    assert any("1 labelled outputs got no readable verdict" in note for note in found["notes"])


def test_several_people_have_a_consensus_a_ceiling_and_a_coefficient() -> None:
    """The word most chose; items on which they are split are in no figure."""
    a = labelled(["yes"] * 5 + ["no"] * 5, "ann")
    b = labelled(["yes"] * 5 + ["no"] * 4 + ["yes"], "bob")
    found = figures([*a, *b], judged(["yes"] * 5 + ["no"] * 5))
    assert (found["n"], found["n_human_split"]) == (9, 1)
    assert found["human"]["agreement"]["value"] == pytest.approx(0.9)
    assert found["human"]["krippendorff_alpha"] == pytest.approx(0.808, abs=0.001)
    assert found["kappa"] == 1.0


def test_a_third_person_settles_a_split() -> None:
    """Two of three."""
    labels = [*labelled(["yes"], "a"), *labelled(["no"], "b"), *labelled(["yes"], "c")]
    found = figures(labels, judged(["yes"]))
    assert (found["n"], found["agreement"]["value"]) == (1, 1.0)


def test_the_alternative_annotator_test_needs_people_with_enough_labels() -> None:
    """With three people and 40 items it decides; with one it says why it cannot."""
    generator = random.Random(2)
    truth = [generator.choice(["yes", "no"]) for _ in range(40)]

    def noisy(share: float) -> list[str]:
        flip = {"yes": "no", "no": "yes"}
        return [w if generator.random() > share else flip[w] for w in truth]

    people = [*labelled(noisy(0.2), "a"), *labelled(noisy(0.2), "b"), *labelled(noisy(0.2), "c")]
    good = figures(people, judged(list(truth)))["alt_test"]
    assert good["winning_rate"] == 1.0
    assert good["passed"] is True
    alone = figures(labelled(truth), judged(list(truth)))["alt_test"]
    assert alone["winning_rate"] is None
    assert alone["reason"]


def test_each_arm_has_its_own_rates() -> None:
    """A judge that is kinder to one arm biases a comparison: it must be seen."""
    labels = [*labelled(["no"] * 10, arm="p:a"), *labelled(["no"] * 10, arm="p:b")]
    verdicts = {**judged(["no"] * 10, "p:a"), **judged(["yes"] * 10, "p:b")}
    arms = figures(labels, verdicts)["arms"]
    assert (arms["p:a"]["tnr"]["value"], arms["p:b"]["tnr"]["value"]) == (1.0, 0.0)


def test_no_labels_under_a_criterion_leave_it_out() -> None:
    """Nothing is made up for it."""
    assert judge_figures([YES_NO], [], judged(["yes"])) == {}


def test_repeats_are_no_independent_outputs() -> None:
    """Ten repeats of five samples are five units: the interval knows it."""
    labels = [
        Label(Item(f"s{n}", "p:a", r), "ok", "no", "ann", 1) for n in range(5) for r in range(1, 11)
    ]
    verdicts = {label.item: {"ok": Verdict("no" if label.item.sample_id != "s0" else "yes")}
                for label in labels}  # fmt: skip
    found = figures(labels, verdicts)
    assert (found["n"], found["tnr"]["n"], found["tnr"]["value"]) == (50, 5, 0.8)
    assert found["tnr"]["high"] - found["tnr"]["low"] > 0.6
    assert found["corrected_pass_rate"]["n"] == 5
