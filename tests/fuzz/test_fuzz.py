"""The short run of the fuzz: the same pushes every time. ``make soak-fuzz`` is the long one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, seed, settings

from . import truths
from .cases import Case, cases
from .trial import Trial

PARTS, CASES = 4, 100
"""Each part takes some six seconds, and may be another worker's."""


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """A place to push from, with a server that lives as long as the module."""
    trial = Trial(tmp_path_factory.mktemp("fuzz"))
    yield trial
    trial.close()


@pytest.mark.parametrize("part", [0, 1, *(pytest.param(n, marks=pytest.mark.long) for n in range(2, PARTS))])
def test_fuzz_of_pushes(trial: Trial, part: int) -> None:
    """No foreign exception, no unequal sum, no leak, no hang, and the vendor holds what the verdicts say."""

    @seed(part)
    @settings(max_examples=CASES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases())
    def each(case: Case) -> None:
        truths.run(trial, case)

    each()
