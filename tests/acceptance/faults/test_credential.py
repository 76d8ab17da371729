"""The credential in mid-run: a token that expires is renewed, a credential that is refused stops the push."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from guarantees.fixtures import QUICK
from guarantees.outcome import assert_adds_up, push
from guarantees.rig import HOOKS, ISSUES_TOKENS, Rig

from airflow_profile_provider.errors import CredentialRefused, MassFailure

from .scene import Scene, play

FIXED = sorted(set(HOOKS) - set(ISSUES_TOKENS))

issues_tokens = pytest.mark.parametrize("rig", ISSUES_TOKENS, indirect=True)
has_a_fixed_credential = pytest.mark.parametrize("rig", FIXED, indirect=True)


def tokens(rig: Rig) -> int:
    """How many tokens were asked for."""
    return sum("token" in str(entry["path"]).lower() for entry in rig.log())


def assert_stopped_at(scene: Scene, position: int) -> None:
    """Everything before a position is delivered, that one failed, everything after it unsent."""
    assert isinstance(scene.outcome.stopped, CredentialRefused)
    last = len(scene.changes)
    assert scene.outcome.counts() == {"pushed": position - 1, "failed": 1, "unsent": last - position}
    assert scene.outcome.verdicts == {
        position: "failed",
        **dict.fromkeys(range(position + 1, last + 1), "unsent"),
    }
    assert scene.new == list(range(1, position))


# -- tokens -------------------------------------------------------------------------------------------------


@issues_tokens
@pytest.mark.parametrize("concurrency", [1, 6])
def test_a_token_that_is_voided_in_mid_run_is_renewed(rig: Rig, tmp_path: Path, concurrency: int) -> None:
    """The vendor forgets its tokens: one new one is fetched, and nobody notices."""
    rig.fault("expire_token", skip=9, times=1)
    scene = play(rig, tmp_path, 20, concurrency=concurrency)
    assert scene.outcome.counts() == {"pushed": 20}
    assert 1 <= scene.outcome.report.retries <= concurrency
    assert tokens(rig) == 2
    assert scene.new == list(range(1, 21))


@issues_tokens
def test_a_token_that_is_voided_again_and_again_is_renewed_each_time(rig: Rig, tmp_path: Path) -> None:
    """Each renewal is for one request: a later one may renew again."""
    rig.fault("expire_token", path="Account", every=7)
    scene = play(rig, tmp_path, 20)
    assert scene.outcome.counts() == {"pushed": 20}
    assert tokens(rig) == 1 + scene.outcome.report.retries
    assert scene.new == list(range(1, 21))


@issues_tokens
def test_a_refusal_that_a_new_token_does_not_mend_stops_the_push(rig: Rig, tmp_path: Path) -> None:
    """401 with a fresh token is the credential: the push stops after that one renewal."""
    rig.fault_of_writes(rig.all_keys()[3], "status", status=401)
    scene = play(rig, tmp_path, 10)
    assert_stopped_at(scene, 4)
    assert tokens(rig) == 2


@issues_tokens
@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_renewal_that_is_refused_stops_the_push(rig: Rig, tmp_path: Path, status: int) -> None:
    """The secret was changed in mid-run: what was delivered stays delivered, the rest is unsent."""
    rig.fault_of_writes(rig.all_keys()[3], "expire_token", times=1)
    rig.fault("status", status=status, path="oAuth", skip=1)
    scene = play(rig, tmp_path, 10)
    assert_stopped_at(scene, 4)


@issues_tokens
@pytest.mark.parametrize("kind", ["reset", "lost", "html", "empty"])
def test_a_token_whose_answer_is_lost_is_asked_for_again(rig: Rig, tmp_path: Path, kind: str) -> None:
    """Getting a token is repeated like everything else."""
    rig.fault(kind, path="oAuth", times=2)
    scene = play(rig, tmp_path)
    assert scene.outcome.counts() == {"pushed": 6}
    assert tokens(rig) == 3
    assert scene.new == [1, 2, 3, 4, 5, 6]


# -- fixed credentials --------------------------------------------------------------------------------------


@has_a_fixed_credential
@pytest.mark.parametrize("fault", [{"kind": "status", "status": 401}, {"kind": "expire_token"}])
def test_a_credential_that_is_refused_in_mid_run_stops_the_push(
    rig: Rig, tmp_path: Path, fault: dict[str, Any]
) -> None:
    """A key that was revoked is not tried again: delivered stays delivered, the rest is unsent."""
    rig.fault_of_writes(rig.all_keys()[3], **fault)
    arrived = rig.arrived
    scene = play(rig, tmp_path, 10)
    assert_stopped_at(scene, 4)
    assert scene.outcome.report.retries == 0
    assert scene.outcome.report.requests == rig.arrived - arrived


@has_a_fixed_credential
def test_a_refused_credential_stops_all_who_are_under_way(rig: Rig, tmp_path: Path) -> None:
    """With several in flight, those that were sent are settled, and no other is sent."""
    rig.fault("status", status=401, skip=10)
    scene = play(rig, tmp_path, 40, concurrency=4)
    counts = scene.outcome.counts()
    assert isinstance(scene.outcome.stopped, CredentialRefused)
    assert counts["failed"] <= 4
    assert counts["unsent"] >= 40 - 10 - 4
    assert scene.new == scene.acknowledged


def test_what_was_sent_before_the_push_stopped_is_not_called_unsent(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that was taken, not acknowledged and waits for its repeat has failed when another stops all.

    "Unsent" would say that the vendor cannot hold it.
    """
    monkeypatch.setattr(rig.hook_class, "retry_rule", replace(QUICK, retry_after_cap=2))
    _, taken, stopping = rig.all_keys()[:3]
    later = {"Retry-After": "2"}
    rig.fault_of_writes(taken, "status", status=503, commit=True, headers=later, delay=0.1, times=1)
    rig.fault_of_writes(stopping, "redirect", delay=0.3)
    scene = play(rig, tmp_path, 4, concurrency=2)
    assert scene.outcome.stopped is not None
    assert scene.outcome.verdicts == {2: "failed", 3: "failed", 4: "unsent"}
    assert scene.new == [1, 2]


def test_a_change_that_failed_and_waits_for_a_later_one_is_not_called_unsent(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was taken and never acknowledged: the vendor holds it, though the later one was never sent."""
    monkeypatch.setattr("airflow_profile_provider.push.push.WINDOW", 5)
    keys = rig.all_keys()
    order = [keys[0], keys[1], keys[2], keys[3], keys[4], keys[5], keys[1]]
    changes = [rig.change(key, f"v{n}") for n, key in enumerate(order, 1)]
    rig.fault_of_writes(keys[1], "html", commit=True)
    rig.fault_of_writes(keys[4], "redirect")
    outcome = push(rig, changes, tmp_path, concurrency=1)
    assert_adds_up(outcome, len(changes))
    assert rig.held()[keys[1]] == "v2"
    assert outcome.verdicts == {2: "failed", 5: "failed", 6: "unsent", 7: "unsent"}


# -- permission ---------------------------------------------------------------------------------------------


def test_a_403_in_mid_run_rejects_that_record_alone(rig: Rig, tmp_path: Path) -> None:
    """After an acknowledgement the credential is known to be good: the refusal is the record's."""
    rig.fault_of_writes(rig.all_keys()[3], "status", status=403)
    scene = play(rig, tmp_path)
    assert scene.outcome.counts() == {"pushed": 5, "rejected": 1}
    assert scene.outcome.verdicts == {4: "rejected"}
    assert scene.outcome.report.complete
    assert scene.outcome.report.retries == 0
    assert scene.new == [1, 2, 3, 5, 6]


def test_nothing_but_403_is_a_mass_failure(rig: Rig, tmp_path: Path) -> None:
    """The first fifty answers hold no acknowledgement: the push stops instead of asking for all."""
    rig.fault("status", status=403, path="^(?!.*(oAuth|get_profile_fields|definitions))")
    keys = rig.all_keys()
    changes = [rig.change(f"{keys[n % 40][:-4]}{n:04d}", "x") for n in range(90)]
    with pytest.raises(MassFailure) as stopped:
        rig.hook.push(changes, concurrency=1)
    report = stopped.value.report
    assert report is not None
    assert (report.received, report.rejected, report.unsent) == (90, 50, 40)
    assert not report.complete
