"""The rigs of the acceptance tests."""

from acceptance.conftest import open_rig, rig

__all__ = ["open_rig", "rig"]
