"""The palette: text can be read on every ground, and colour-blind readers tell models apart."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from evalkit.report.palette import ROLES, SERIES, STEPS

SIDES = ("light", "dark")
# Machado, Oliveira & Fernandes (2009), table 1, severity 1.0, on linear RGB.
SEEN = {
    "all cones": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def _linear(colour):
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _contrast(first, second):
    """WCAG 2.2, contrast ratio."""
    light, dark = sorted(
        (float(np.dot([0.2126, 0.7152, 0.0722], _linear(c))) for c in (first, second)), reverse=True
    )
    return (light + 0.05) / (dark + 0.05)


def _lab(linear):
    """CIE 1976 L*a*b* under D65."""
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    x = to_xyz @ np.clip(linear, 0, 1) / np.array([0.95047, 1, 1.08883])
    f = np.where(x > 216 / 24389, np.cbrt(x), (24389 / 27 * x + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_contrast_is_computed_as_published():
    """Black on white is 21 : 1; #767676 is the lightest grey that passes on white."""
    assert _contrast("#000000", "#ffffff") == pytest.approx(21)
    assert 4.5 < _contrast("#767676", "#ffffff") < 4.6


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    "role", ["ink", "faint", "link", "good", "bad", "open", *(f"c{i}" for i in range(SERIES))]
)
def test_text_can_be_read_on_both_grounds(role, side):
    """4.5 : 1 on paper, as WCAG 2.2 AA asks; charts write in their model's colour."""
    assert _contrast(getattr(ROLES[role], side), getattr(ROLES["paper"], side)) >= 4.5


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("step", range(STEPS))
def test_ink_can_be_read_on_every_step(step, side):
    """Figures stand in the fields of a heat map."""
    assert _contrast(getattr(ROLES["ink"], side), getattr(ROLES[f"h{step}"], side)) >= 4.5


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("eyes", SEEN)
def test_no_two_models_look_alike(eyes, side):
    """At least 20 apart in CIELAB, where about 2 is just noticeable, whichever cone is missing."""
    seen = [
        _lab(SEEN[eyes] @ _linear(getattr(ROLES[f"c{place}"], side))) for place in range(SERIES)
    ]
    least = min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2))
    assert least >= 20


def test_every_role_has_a_light_colour_of_its_own():
    """Charts are drawn in light colours, which name their role."""
    assert len(ROLES) == len({colour.light for colour in ROLES.values()})
