"""The fixtures of the guarantees."""

from .fixtures import _repeatable, rig, sandbox

__all__ = ["_repeatable", "rig", "sandbox"]
