"""Lets these tests import what they share, `trials_by_hand` of tests/analysis among it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "analysis"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
