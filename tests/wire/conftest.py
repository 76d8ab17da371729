"""The benches of the acceptance tests."""

from acceptance.conftest import bench, open_bench

__all__ = ["bench", "open_bench"]
