"""The alternative annotator test: its procedure step by step, and how often it errs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from evalkit.stats import alt_test
from evalkit.stats.distributions import t_cdf


def study(seed, people=4, n=80, person=0.75, judge=0.8, given=0.85):
    """Return labels 0..3 of people and of a judge, right with the given chances, some missing."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 4, n)

    def label(i, right):
        return int(truth[i]) if generator.random() < right else int(generator.integers(0, 4))

    human = {
        f"person {k}": {i: label(i, person) for i in range(n) if generator.random() < given}
        for k in range(people)
    }
    return human, {i: label(i, judge) for i in range(n) if generator.random() < 0.95}


def by_hand(human, judge, epsilon):
    """The procedure of the paper, with scipy's t test and statsmodels' Benjamini-Yekutieli."""
    shared = [i for i in judge if sum(i in labels for labels in human.values()) >= 2]
    p_values, advantages, people = [], [], []
    for person, labels in human.items():
        mine = [i for i in shared if i in labels]
        if len(mine) < 30:
            continue
        differences, wins = [], []
        for i in mine:
            others = [human[o][i] for o in human if o != person and i in human[o]]
            own = np.mean([label == labels[i] for label in others])
            judges = np.mean([label == judge[i] for label in others])
            differences.append((own >= judges) * 1 - (judges >= own) * 1)
            wins.append(judges >= own)
        p_values.append(stats.ttest_1samp(differences, epsilon, alternative="less").pvalue)
        advantages.append(np.mean(wins))
        people.append(person)
    rejected, adjusted, *_ = multipletests(p_values, 0.05, method="fdr_by")
    return (
        np.mean(rejected),
        np.mean(advantages),
        dict(zip(people, p_values, strict=True)),
        adjusted,
    )


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.2])
def test_the_test_is_the_procedure_of_the_paper(seed, epsilon):
    """Winning rate, advantage, p-values and their adjustment."""
    human, judge = study(seed)
    rate, advantage, p_values, adjusted = by_hand(human, judge, epsilon)
    found = alt_test(human, judge, epsilon)
    assert found.winning_rate == pytest.approx(rate)
    assert found.advantage_probability == pytest.approx(advantage)
    assert found.p_values == pytest.approx(p_values, abs=1e-10)
    assert [c.adjusted for c in found.people.values()] == pytest.approx(list(adjusted), abs=1e-10)
    assert found.passed == (rate >= 0.5)


def test_a_judge_that_agrees_with_all_wins_everywhere():
    """Three people and a judge with the same labels."""
    labels = {i: i % 3 for i in range(40)}
    found = alt_test({"a": labels, "b": labels, "c": labels}, labels, 0.1)
    assert (found.winning_rate, found.advantage_probability, found.passed) == (1.0, 1.0, True)


def test_a_judge_that_agrees_with_nobody_wins_nowhere():
    """People agree, the judge never does."""
    labels = {i: "yes" for i in range(40)}
    found = alt_test({"a": labels, "b": labels}, {i: "no" for i in range(40)}, 0.2)
    assert (found.winning_rate, found.advantage_probability, found.passed) == (0.0, 0.0, False)
    assert set(found.p_values.values()) == {1.0}


def test_an_advantage_of_nobody_is_not_proven_without_an_allowance():
    """All tied and epsilon 0: the difference is not below 0."""
    labels = {i: i % 2 for i in range(40)}
    assert alt_test({"a": labels, "b": labels}, labels, 0.0).winning_rate == 0.0


def test_who_has_too_few_items_is_left_out_with_the_reason():
    """But still counts among the others."""
    human, judge = study(3, people=3, given=1.0)
    human["guest"] = {i: human["person 0"][i] for i in range(12)}
    found = alt_test(human, judge, 0.2)
    assert list(found.people) == ["person 0", "person 1", "person 2"]
    shared = sum(i in judge for i in range(12))
    assert found.left_out == {
        "guest": f"{shared} items that another person and the judge labelled too; "
        "at least 30 are needed"
    }
    without = alt_test({p: v for p, v in human.items() if p != "guest"}, judge, 0.2)
    assert found.p_values != without.p_values


def test_items_of_one_person_and_missing_labels_do_not_count():
    """None and NaN are no label; an item without a verdict is counted as unjudged."""
    human, judge = study(4, people=3, given=1.0, n=60)
    judge = {i: judge.get(i, 0) for i in range(60)}
    before = alt_test(human, judge, 0.15)
    more = {person: {**labels, 99: None, 98: math.nan} for person, labels in human.items()}
    more["person 0"][97] = 1
    more["person 1"][96] = 1
    more["person 2"][96] = 1
    after = alt_test(more, {**judge, 99: 1, 98: 1, 97: 1, 96: None}, 0.15)
    assert after.people == before.people
    assert (before.n_items, before.unjudged) == (60, 0)
    assert (after.n_items, after.unjudged) == (60, 1)


def test_a_missing_verdict_with_a_label_of_its_own_counts_against_the_judge():
    """As the docstring advises."""
    human, judge = study(5, people=3, given=1.0)
    silent = {i: (None if i % 4 == 0 else label) for i, label in judge.items()}
    named = {i: ("none" if i % 4 == 0 else label) for i, label in judge.items()}
    left = alt_test(human, silent, 0.2)
    counted = alt_test(human, named, 0.2)
    assert counted.advantage_probability < left.advantage_probability
    never_asked = 80 - len(judge)
    assert counted.unjudged == never_asked
    assert left.unjudged == never_asked + sum(i % 4 == 0 for i in judge)


@pytest.mark.parametrize(
    ("human", "judge", "epsilon", "problem"),
    [
        ({}, {}, 0.1, "nobody has 30 items .* got at most 0"),
        ({"a": {1: 1}, "b": {1: 1}}, {1: 1}, 0.1, "got at most 1"),
        ({"a": {i: 1 for i in range(99)}}, {i: 1 for i in range(99)}, 0.1, "got at most 0"),
        ({"a": {i: 1 for i in range(99)}, "b": {i: 1 for i in range(99)}}, {}, 0.1, "nobody"),
        ({}, {}, -0.1, "epsilon"),
        ({}, {}, 20, "epsilon"),
        ({}, {}, math.nan, "epsilon"),
    ],
)
def test_a_test_of_nobody_raises(human, judge, epsilon, problem):
    """There is no winning rate of nobody."""
    with pytest.raises(ValueError, match=problem):
        alt_test(human, judge, epsilon)


@pytest.mark.parametrize(
    ("human", "judge", "got"),
    [
        ([[1] * 40] * 3, [1] * 40, "list"),
        ({"a": [1] * 40, "b": [1] * 40}, {}, "list"),
        ({"a": {1: 1}, "b": {1: 1}}, (1,), "tuple"),
    ],
)
def test_labels_that_are_no_mappings_raise(human, judge, got):
    """Without names of items nobody knows which labels belong together."""
    with pytest.raises(ValueError, match=f"person -> item -> label .* got {got}"):
        alt_test(human, judge, 0.1)


def test_the_result_cannot_be_changed():
    """It is frozen."""
    found = alt_test(*study(6), 0.1)
    with pytest.raises(AttributeError):
        found.winning_rate = 1.0


@pytest.mark.parametrize(("person", "judge"), [(0.9, 0.8), (0.75, 0.6)])
def test_a_judge_worse_by_epsilon_wins_in_at_most_one_of_twenty(person, judge):
    """Two people, one always right: at the border of the hypothesis the other's test errs by 5 %.

    The person is right with a chance of .9, the judge with .8, and epsilon is .1.
    """
    epsilon, wins = person - judge, 0
    generator = np.random.default_rng(12)
    for _ in range(1500):
        right, seen = generator.random(50) < person, generator.random(50) < judge
        human = {
            "reference": dict.fromkeys(range(50), 0),
            "person": {i: int(not r) for i, r in enumerate(right)},
        }
        # a wrong judge says 2: with the person's own wrong label it would agree in error
        found = alt_test(human, {i: 0 if s else 2 for i, s in enumerate(seen)}, epsilon)
        wins += found.p_values["person"] <= 0.05
    assert 0.03 <= wins / 1500 <= 0.065


def test_students_distribution_agrees_with_scipy():
    """On both sides, for few and many degrees of freedom."""
    for freedom in (1, 4, 29, 500):
        for t in (-40.0, -2.3, -0.1, 0.0, 0.7, 3.0, 40.0):
            assert t_cdf(t, freedom) == pytest.approx(stats.t.cdf(t, freedom), abs=1e-12)
