"""Where labels of a chart stand: near their point, on free ground, inside the frame.

It does not draw.
"""

from __future__ import annotations

from collections.abc import Sequence

_DIRECTIONS = ((1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1))

Box = tuple[float, float, float, float]


def best_corner(
    anchor: tuple[float, float], size: tuple[float, float], frame: Box, taken: Sequence[Box]
) -> tuple[float, float]:
    """Return the lower left corner for a label: near its point, inside the frame, on free ground.

    Args:
        anchor: The point, in pixels.
        size: Width and height of the label.
        frame: The panel: left, bottom, right, top.
        taken: What must not be covered.

    Returns:
        Of all corners around the point the one that covers least, then the nearest.
    """
    width, height = size
    best, least = (anchor[0], anchor[1]), float("inf")
    for ring in range(14):
        reach = 14.0 + 9.0 * ring
        for dx, dy in _DIRECTIONS:
            left = anchor[0] + dx * reach - (0.5 - 0.5 * dx) * width
            bottom = anchor[1] + dy * reach - (0.5 - 0.5 * dy) * height
            left = min(max(left, frame[0] + 3), max(frame[2] - width - 3, frame[0] + 3))
            bottom = min(max(bottom, frame[1] + 3), frame[3] - height - 3)
            box = (left, bottom, left + width, bottom + height)
            covered = sum(_overlap(box, other) for other in taken)
            if covered < least:
                best, least = (left, bottom), covered
            if covered == 0.0:
                return best
    return best


def _overlap(a: Box, b: Box) -> float:
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    return wide * high if wide > 0 and high > 0 else 0.0
