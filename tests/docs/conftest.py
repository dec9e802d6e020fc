"""Puts this folder on the path: the tests of the pages share how a page is read."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
