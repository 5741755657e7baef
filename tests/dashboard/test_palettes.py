"""Colours stay apart for who sees no red, no green or no blue, and show on white and on the dark ground."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

import rootspan_dashboard
from rootspan_dashboard.charts.evidence import PEERS, SUSPECT, WITHOUT
from rootspan_dashboard.charts.plot import PALETTE

WHITE, DARK = "#ffffff", "#12151c"
SEEN = {
    "everything": np.eye(3),
    "no red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.042413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no blue": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
"""Linear RGB as dichromats see it: Machado, Oliveira and Fernandes 2009."""
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(color: str) -> np.ndarray:
    part = np.array([int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def lab(color: str, eyes: str) -> np.ndarray:
    seen = np.clip(np.array(SEEN[eyes]) @ linear(color), 0, 1)
    x, y, z = (XYZ @ seen) / (XYZ @ np.ones(3))
    x, y, z = (np.cbrt(one) if one > 0.008856 else 7.787 * one + 16 / 116 for one in (x, y, z))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def apart(one: str, other: str, eyes: str) -> float:
    """CIE76; 2.3 is just noticeable side by side."""
    return float(np.linalg.norm(lab(one, eyes) - lab(other, eyes)))


def contrast(one: str, other: str) -> float:
    low, high = sorted(float(XYZ[1] @ linear(color)) + 0.05 for color in (one, other))
    return high / low


def ramps() -> list[tuple[str, ...]]:
    """All ramps of heatmaps and flame views, as their scripts have them."""
    folder = Path(rootspan_dashboard.__file__).parent / "components"
    text = "".join((folder / f"{name}.js").read_text() for name in ("heatmap", "density", "flame"))
    found = re.findall(r"(?:light|dark): \[([^\]]+)\]", text)
    return [tuple(re.findall(r"#[0-9a-f]{6}", one)) for one in found]


@pytest.mark.parametrize("eyes", SEEN)
@pytest.mark.parametrize("colors", [PALETTE, (SUSPECT, PEERS, WITHOUT)])
def test_lines_are_told_apart(eyes: str, colors: tuple[str, ...]) -> None:
    assert min(apart(one, other, eyes) for one, other in itertools.combinations(colors, 2)) > 10


def test_lines_show_on_both_grounds() -> None:
    assert min(contrast(color, WHITE) for color in PALETTE) > 2.2
    assert min(contrast(color, DARK) for color in PALETTE) > 3


@pytest.mark.parametrize("eyes", SEEN)
def test_neighbours_on_a_ramp_are_told_apart_and_its_ends_most(eyes: str) -> None:
    assert len(ramps()) == 8
    for stops in ramps():
        assert min(apart(one, other, eyes) for one, other in itertools.pairwise(stops)) > 6
        assert apart(stops[0], stops[-1], eyes) > 50


def test_a_ramp_goes_one_way_in_lightness_or_turns_once_in_the_middle() -> None:
    for stops in ramps():
        steps = np.sign(np.diff([lab(one, "everything")[0] for one in stops]))
        middle = len(steps) // 2
        assert len(set(steps)) == 1 or (len(set(steps[:middle])) == 1 and len(set(steps[middle:])) == 1)
