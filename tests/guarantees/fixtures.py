"""Fixtures that the guarantees and the faults share: one sandbox, and a rig for each registered vendor."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from airflow_profile_provider.delivery.retries import RetryRule
from airflow_profile_provider.sandbox import Sandbox, serve

from .rig import HOOKS, Rig, hook_class

PROFILES = 40
QUICK = RetryRule(first_wait=0.005, longest_wait=0.02, retry_after_cap=0.02)
"""Waits so short that a test need not wait for them; the number of attempts is the default."""
PATIENT = RetryRule(first_wait=0.1, longest_wait=0.3, retry_after_cap=0.3)
"""Waits for a vendor that is still at work on a request whose answer came too late."""


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with serve(profiles=PROFILES, quota=False) as sandbox:
        yield sandbox


@pytest.fixture(params=sorted(HOOKS))
def rig(request: pytest.FixtureRequest, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    sandbox.reset()
    monkeypatch.setattr(hook_class(request.param), "retry_rule", QUICK)
    rig = Rig(request.param, sandbox, monkeypatch.setenv)
    assert rig.texts  # learnt now, while the vendor has no troubles
    yield rig
    sandbox.clear_faults()


@pytest.fixture(autouse=True)
def _repeatable() -> None:
    random.seed(7)
