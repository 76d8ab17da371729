"""The fixtures of the guarantees."""

from .fixtures import _repeatable, bench, sandbox

__all__ = ["_repeatable", "bench", "sandbox"]
