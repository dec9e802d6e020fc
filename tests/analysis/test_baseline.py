"""Baseline files: what is written is what is read, to the last digit."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from arms_by_hand import by_language, side

from evalkit.analysis.gates.baseline import Names, file_of, read_baseline, write_baseline
from evalkit.analysis.outcomes import FAILED, MALFORMED, OK, REFUSED, Outcomes
from evalkit.core.records import hash64

IDS = [f"doc {n} ü" for n in range(40)]


def a_side():
    """An arm with repeats, clusters, failures, slices, prices and a skipped sample."""
    rng = np.random.default_rng(0)
    hashes = np.array(sorted(hash64(one) for one in IDS), dtype=np.uint64)
    sample = np.repeat(hashes, 2)
    n = len(sample)
    state = rng.choice([OK, MALFORMED, REFUSED, FAILED], n).astype(np.int8)
    quality = np.where(state == FAILED, np.nan, rng.random(n))
    return side(
        quality,
        arm="p:m@prompt",
        sample=sample,
        repeat=np.tile([1, 2], n // 2).astype(np.int32),
        state=state,
        first_bad=rng.random(n) < 0.2,
        cluster=np.array(
            [hash64(f"cluster\0c{i % 5}") for i in range(n // 2)], dtype=np.uint64
        ).repeat(2),
        cost_usd=np.where(rng.random(n) < 0.5, np.nan, rng.random(n) / 1e4),
        latency_ms=rng.lognormal(6, 1, n),
        critical=np.arange(n) < 4,
        slices=by_language(n, 10),
        metrics={"g.abstained": rng.random(n)},
        skipped=np.array([hash64("gone")], dtype=np.uint64),
        n_skipped=2,
        expected=n + 2,
    )


def names():
    found = Names()
    found.sample = {hash64(one): one for one in [*IDS, "gone"]}
    found.cluster = {hash64(f"cluster\0c{i}"): f"c{i}" for i in range(5)}
    return found


def test_every_column_comes_back(tmp_path):
    """Arrays, masks, missing values, slices, and all that must agree."""
    before = a_side()
    path = tmp_path / "baseline.json"
    document = file_of([before], names(), run_id="r", started="2026-11-01", now="2026-11-26")
    write_baseline(document, path)
    after = read_baseline(path)["s", "p:m@prompt"]
    assert after.identity == before.identity
    assert (after.expected, after.n_skipped, after.n_unanswered) == (
        before.expected, before.n_skipped, before.n_unanswered,
    )  # fmt: skip
    for field in dataclasses.fields(Outcomes):
        old, new = (getattr(s.outcomes, field.name) for s in (before, after))
        if isinstance(old, np.ndarray):
            np.testing.assert_array_equal(new, old, err_msg=field.name)
        elif field.name in ("graders", "metrics"):
            assert old.keys() == new.keys()
            for name in old:
                np.testing.assert_array_equal(new[name], old[name])
        elif field.name == "slices":
            german = [s.outcomes.within({"language": "de"}) for s in (before, after)]
            np.testing.assert_array_equal(*german)
        else:
            assert old == new, field.name


def test_a_trial_is_a_line_of_the_file(tmp_path):
    """A change of one sample is one line of a diff."""
    path = tmp_path / "baseline.json"
    own = a_side()
    write_baseline(file_of([own], names(), run_id="r", started="a", now="b"), path)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(own.outcomes) + 4
    assert json.loads(lines[2].rstrip(","))[0] in IDS


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["suites"][0].pop("identity"),
        lambda d: d["suites"][0]["columns"].pop(),
        lambda d: d["suites"][0]["columns"].remove("sample_id"),
        lambda d: d["suites"][0]["trials"][0].pop(),
        lambda d: d["suites"][0]["trials"][0].__setitem__(3, "fine"),
        lambda d: d["suites"][0]["trials"][0].__setitem__(3, 7),
        lambda d: d["suites"][0]["trials"].append(d["suites"][0]["trials"][0]),
        lambda d: d["suites"][0]["trials"][3].__setitem__(11, 17),
        lambda d: d.__setitem__("suites", []),
        lambda d: d["suites"].append(d["suites"][0]),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, change):
    """One line with the file's name; nothing is guessed."""
    from evalkit.core.errors import ConfigError

    document = json.loads(
        json.dumps(file_of([a_side()], names(), run_id="r", started="a", now="b"))
    )
    change(document)
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ConfigError, match=r"baseline\.json: this baseline file is damaged"):
        read_baseline(path)
