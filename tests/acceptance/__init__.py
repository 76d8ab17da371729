"""Acceptance: the five hooks and operators against stand-ins that were written from the vendors' pages alone.

The vendors are those that the provider registers; `samples` holds what the tests need to know of each.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # makes the stand-ins importable however pytest was started
