"""What must be true after a push, whatever happened in it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException

from airflow_profile_provider.errors import (
    ConfigurationError,
    OutboxFailed,
    ProfileError,
    PushStopped,
    SourceError,
)
from airflow_profile_provider.records import Verdict

from . import values
from .cases import ABSENT, Case, Record
from .places import about_profiles, stand_in_of
from .sources import key_text
from .trial import Outcome, Trial, _Spoilt
from .wire import Scene

NOWHERE = {
    "a text": values.CANARY,
    "a number": str(values.NUMBER),
    "a phone": "3585550123",
    "a birthday": "1871-03-05",
}
"""Values that may stand in files that the user asked for, and nowhere else."""
NOT_SENT = frozenset({Verdict.INVALID, Verdict.UNSENT, Verdict.QUARANTINED})
_MAYBE = frozenset({Verdict.FAILED, Verdict.REJECTED})

Matches = Callable[[Any], bool]
State = Mapping[str, Mapping[str, Any]]


def run(trial: Trial, case: Case) -> None:
    """Push a case, hold everything against it, and then let the vendor recover and push again."""
    with trial.stage() as (folder, conn_id):
        stand_in = stand_in_of(case.place)
        scene = Scene(stand_in, case.script, case.tail)
        first = trial.push(case, scene, folder, conn_id)
        story = Story(case, first, scene)
        story.check()
        if case.resumes and case.way == "hook" and first.error and not story.dry and not story.refused:
            story = _resumed(trial, case, scene, folder, conn_id, first)
            first = story.outcome
        if case.ledger:
            _again_with_ledger(trial, case, scene, folder, conn_id)
        elif first.rejects and not story.dry:
            _replay(trial, case, scene, folder, conn_id, story)


def _calm(case: Case) -> Case:
    """The same push on a good day."""
    dropped = {"action", "max_changes", "quota"}
    return replace(
        case,
        script=(),
        tail=None,
        timeout=10.0,
        breaks=None,
        stop=None,
        ledger_trouble=None,
        disk=None,
        way="hook",
        options={name: value for name, value in case.options.items() if name not in dropped},
        rejects="rejects.jsonl",
        delivered=None,
    )


def _resumed(trial: Trial, case: Case, scene: Scene, folder: Path, conn_id: str, first: Outcome) -> Story:
    """Let a second try go on where the first one stopped; both together must look like one push."""
    calm = replace(_calm(case), rejects=case.rejects, delivered=case.delivered)
    again = Scene(scene.stand_in)
    outcome = trial.push(calm, again, folder, conn_id)
    again.seen[:0] = scene.seen
    outcome.before = first.before
    story = Story(calm, outcome, again)
    story.check(where="the try after it")
    story.require_delivery("the try after it")
    return story


def _again_with_ledger(trial: Trial, case: Case, scene: Scene, folder: Path, conn_id: str) -> None:
    """G2: a run without troubles brings the vendor to the source's state; one more has nothing to send."""
    if case.options.get("action") == "baseline":
        return
    if case.ledger_trouble or case.disk is not None:
        _Spoilt.repair(folder / "ledger.db")
    calm = _calm(case)
    story = Story(calm, trial.push(calm, again := Scene(scene.stand_in), folder, conn_id, suffix="2-"), again)
    story.check(where="the run after it")
    story.require_delivery("the run after it")
    if story.refused or not case.usual or case.options.get("ignore_ledger") or story.outcome.rejects is None:
        return
    rejected = [line for line in story.outcome.rejects if line["verdict"] == Verdict.REJECTED]
    third = Story(calm, trial.push(calm, last := Scene(scene.stand_in), folder, conn_id, suffix="3-"), last)
    third.check(where="the third run")
    if not rejected:
        assert third.writes == [], f"the third run has nothing to send, and sent {len(third.writes)} writes"


def _replay(trial: Trial, case: Case, scene: Scene, folder: Path, conn_id: str, story: Story) -> None:
    """G2: replayed once troubles are over, the rejects bring the vendor to the source's state."""
    report = story.outcome.report
    assert report is not None and report.rejects
    options = {name: value for name, value in case.options.items() if name in {"nulls", "write", "mode"}}
    calm = replace(_calm(case), options=options, only=None)
    again = Scene(scene.stand_in)
    outcome = trial.push(calm, again, folder, conn_id, records=report.rejects, suffix="2-")
    story.replayed(outcome)


@dataclass
class Story:
    """A push, its outcome and the vendor's side, held against each other."""

    case: Case
    outcome: Outcome
    scene: Scene

    def __post_init__(self) -> None:
        self.verdicts: dict[int, Verdict] = {
            line["position"]: Verdict(line["verdict"]) for line in self.outcome.rejects or ()
        }
        self.in_batches = self.case.options.get("batch_size", 1) > 1
        stand_in = self.scene.stand_in
        self.writes = [write for seen in self.scene.seen for write in self.case.place.named(stand_in, seen)]
        self.after = {key: dict(own) for key, own in stand_in.profiles.items()}

    # -- what was asked for -----------------------------------------------------------------------------

    @property
    def dry(self) -> bool:
        """Whether the push was told to send nothing."""
        return self.case.options.get("action") in {"plan", "baseline"}

    @property
    def refused(self) -> bool:
        """Whether the push ended before it began: nothing was received."""
        report, error = self.outcome.report, self.outcome.error or self.outcome.task_error
        return report is None or (error is not None and report.received == 0)

    @property
    def key_type(self) -> str:
        """Which identifier the keys are."""
        return self.case.key_type or next(iter(self.case.place.keys))

    def _told(self) -> Iterator[tuple[Record, int, str | None]]:
        """Each record with its position and what its key names."""
        for record, position in zip(self.case.records, self.outcome.given.positions, strict=True):
            if position not in self.outcome.marked:
                yield record, position, None if record.raw else key_text(record.key)

    def _is_received(self, key: str | None) -> bool:
        return self.case.only is None or key is None or key in self.case.only

    def _not_sent(self, verdict: Verdict | None) -> bool:
        """Whether a verdict says that nothing of a record reached the vendor.

        One that is unsent may have been in a batch that was refused, before it would have gone by itself.
        """
        return verdict in NOT_SENT and not (verdict is Verdict.UNSENT and self.in_batches)

    # -- truths -----------------------------------------------------------------------------------------

    def check(self, where: str = "the push") -> None:
        """Hold everything against everything."""
        self._check_way_out()
        self._check_secrecy()
        assert self.outcome.threads == [], f"{where} left threads: {self.outcome.threads}"
        assert self.outcome.open_to_others == [], f"others may read {self.outcome.open_to_others}"
        self._check_sent()
        if self.refused:
            assert self.writes == [], f"{where} sent something, and has no report"
            assert self.after == self.outcome.before
            return
        self._check_counts()
        self._check_rejects()
        if self.dry:
            assert self.writes == [], "a dry run sent something"
        if self.outcome.rejects is not None:
            self._check_vendor(self._possible())
            self._check_marks()

    def _check_way_out(self) -> None:
        """One way out: errors of ours alone, with the report on them."""
        error = self.outcome.error or self.outcome.task_error
        if error is None:
            assert self.outcome.report is not None
            return
        ours = AirflowException if self.case.way == "task" else ProfileError
        assert isinstance(error, ours), f"a foreign error left the push: {error!r}"
        if isinstance(error, PushStopped):
            assert self.outcome.report is not None, f"no report on {error!r}"
        elif self.case.way == "hook":
            assert isinstance(error, ConfigurationError | SourceError), f"{error!r} left the push"

    def _check_secrecy(self) -> None:
        leaks = [what for what, value in NOWHERE.items() if value in self.outcome.said]
        lines = [
            line[:500] for line in self.outcome.said.splitlines() if any(v in line for v in NOWHERE.values())
        ]
        assert leaks == [], f"{leaks} was said: {lines[:3]}"
        secret = self.scene.stand_in.secret
        assert secret not in self.outcome.said, "the credential was said"

    def _check_counts(self) -> None:
        report, given = self.outcome.report, self.outcome.given
        assert report is not None
        total = sum(getattr(report, verdict) for verdict in Verdict)
        assert total == report.received, f"the verdicts add up to {total}: {report}"
        if self.case.options.get("partition"):
            assert report.received <= len(self.case.records)
            return
        number = len(self.case.records) if given.yielded is None else given.yielded
        records = list(self._told())[:number]
        most = sum(self._is_received(key) for _, _, key in records)
        least = sum(
            n not in given.blanks and (self.case.only is None or key in self.case.only)
            for n, (_, _, key) in enumerate(records)
        )
        assert least <= report.received <= most, f"{report.received} received of {least} to {most}: {report}"

    def _check_rejects(self) -> None:
        report, lines = self.outcome.report, self.outcome.rejects
        assert report is not None
        if lines is None:
            return
        owed = {
            verdict: number
            for verdict in Verdict
            if (verdict.undelivered or verdict is Verdict.QUARANTINED)
            and (number := getattr(report, verdict))
        }
        if self.case.disk is None:
            assert Counter(Verdict(line["verdict"]) for line in lines) == owed, (
                f"the rejects hold others: {report}"
            )
        assert len({line["position"] for line in lines}) == len(lines), "a record is twice in the rejects"

    def _check_sent(self) -> None:
        """Nothing reached the vendor but what some record meant, or what was there before."""
        wanted: dict[tuple[str, str], list[Matches]] = defaultdict(list)
        for record, position, key in self._told():
            if key is None or self._not_sent(self.verdicts.get(position)) or not self._is_received(key):
                continue
            for name, effect in self._effects(record):
                wanted[key, name].append(effect)
        place, stand_in = self.case.place, self.scene.stand_in
        for key, name, value in self.writes:
            profile = place.profile_of(stand_in, self.key_type, key)
            held = self.outcome.before.get(profile or "", {})
            kept = self.case.vendor == "agilenow" and held.get(name) in (value, value or None)
            assert kept or any(fits(value) for fits in wanted[key, name]), (
                f"{key!r} {name} was sent {value!r}, which no record that was sent means"
            )
        heard = {
            key for seen in self.scene.seen if about_profiles(stand_in, seen) for key in _keys(stand_in, seen)
        }
        for _, position, key in self._told():
            if self.verdicts.get(position) is Verdict.FAILED:
                assert key in heard, f"record {position} failed, and no request for it left"

    def _effects(self, record: Record) -> Iterator[tuple[str, Matches]]:
        """What a record asks for: of each field, whether a held value is what it meant."""
        if record.raw:
            return
        is_text = self.case.source.startswith("csv")
        untyped = is_text or self.case.source in {"sql", "parquet"}
        nulls = self.case.options.get("nulls") or ("clear" if self.case.place.clears else "invalid")
        for name, cell in zip(self.case.fields, record.cells, strict=True):
            if cell is ABSENT:
                continue
            if values.is_null(cell) or (is_text and cell == ""):
                if nulls == "clear":
                    yield name, values.is_cleared
                elif nulls == "invalid":
                    yield name, _never
                continue
            if (
                nulls == "skip"
                and isinstance(cell, Mapping)
                and cell
                and all(map(values.is_null, cell.values()))
            ):
                continue  # nothing is left of it
            kind = self.case.place.fields[name]
            yield name, _fits(cell, kind, untyped)

    def _possible(
        self, before: State | None = None, verdict_of: Callable[[int], Verdict | None] | None = None
    ) -> dict[tuple[str, str], list[Matches]]:
        """What each field of each profile may hold by what is said of the records, in their order."""
        place, stand_in = self.case.place, self.scene.stand_in
        found: dict[tuple[str, str], list[Matches]] = {}
        start = self.outcome.before if before is None else before
        verdict_of = verdict_of or self.verdicts.get
        number = self.outcome.given.yielded
        uncertain = self.case.versioned or "partition" in self.case.options or self.case.disk is not None
        for n, (record, position, key) in enumerate(list(self._told())[:number]):
            verdict = verdict_of(position)
            if n in self.outcome.given.blanks or self._not_sent(verdict):
                continue
            if self.dry or not self._is_received(key):
                continue
            if key is None:
                assert verdict is not None or self._may_be_lost(record), (
                    f"record {position}: its key names nobody"
                )
                continue
            profile = place.profile_of(stand_in, self.key_type, key)
            if profile is None:
                assert verdict is not None or uncertain, (
                    f"record {position} was delivered, and nobody has its key"
                )
                continue
            for name, effect in self._effects(record):
                others = found.get((profile, name)) or [_is(start.get(profile, {}).get(name))]
                found[profile, name] = [effect, *(others if verdict is not None or uncertain else ())]
        return found

    def _may_be_lost(self, record: Record) -> bool:
        """Whether a record need not have been received at all."""
        case = self.case
        filtered = case.only is not None or "partition" in case.options
        return filtered or bool(self.outcome.given.blanks) or case.disk is not None

    def _check_vendor(self, possible: Mapping[tuple[str, str], list[Matches]]) -> None:
        for profile, own in self.after.items():
            before = self.outcome.before.get(profile)
            for name, value in own.items():
                if fits := possible.get((profile, name)):
                    assert any(fit(value) for fit in fits), (
                        f"{profile} {name} holds {value!r}, which is not said"
                    )
                elif before is not None and name in self.case.place.fields:
                    assert (before.get(name) or None) == (value or None), (
                        f"{profile} {name} became {value!r}, and nobody asked for it"
                    )
        for (profile, name), fits in possible.items():
            value = self.after.get(profile, {}).get(name)
            assert any(fit(value) for fit in fits), f"{profile} {name} holds {value!r}, which is not said"
        names = Counter(own.get(self.key_type) for own in self.after.values() if self.key_type in own)
        assert max(names.values(), default=1) == 1, "somebody was created twice"

    def _check_marks(self) -> None:
        """An outbox's rows are marked with what became of them, and those that are owed are not."""
        for position, mark in self.outcome.marks.items():
            if position in self.outcome.marked or "partition" in self.case.options:
                continue
            verdict = self.verdicts.get(position)
            if verdict in {Verdict.FAILED, Verdict.UNSENT} or self.dry:
                assert mark is None, f"row {position} is {verdict}, and marked as {mark}"
            elif mark is None and (self.case.disk or isinstance(self.outcome.error, OutboxFailed)):
                continue  # it could not be written, and is still owed
            elif verdict is not None:
                assert mark == verdict, f"row {position} is {verdict}, and marked as {mark}"
            else:
                assert mark in {"pushed", "created", "superseded", "unchanged"}, f"row {position}: {mark}"

    # -- afterwards -------------------------------------------------------------------------------------

    def require_delivery(self, where: str) -> None:
        """On a good day nothing fails."""
        report, error = self.outcome.report, self.outcome.error
        if isinstance(error, ConfigurationError | SourceError):
            assert self.writes == []
            return
        assert report is not None
        assert error is None and report.complete, f"{where} did not end well: {error!r}"
        assert report.failed == report.unsent == 0, f"{where}: {report}"

    def replayed(self, outcome: Outcome) -> None:
        """Check that the replayed rejects brought the vendor to the source's state."""
        again = Story(replace(_calm(self.case), records=()), outcome, Scene(self.scene.stand_in))
        again._check_way_out()
        again._check_secrecy()
        assert outcome.error is None, f"the replay stopped: {outcome.error!r}"
        assert outcome.report is not None
        report, lines = outcome.report, self.outcome.rejects or []
        assert report.received == len(lines), f"{report.received} of {len(lines)} rejects were received"
        assert report.failed == report.unsent == 0, f"the replay: {report}"
        second = {line["position"]: Verdict(line["verdict"]) for line in outcome.rejects or ()}
        final = {line["position"]: second.get(number) for number, line in enumerate(lines, 1)}
        self.after = again.after
        first = self.verdicts

        def verdict_of(position: int) -> Verdict | None:
            verdict = final.get(position)
            # What was refused in the replay may have arrived before, where nobody saw it.
            return Verdict.FAILED if verdict in NOT_SENT and first[position] in _MAYBE else verdict

        self._check_vendor(self._possible(verdict_of=verdict_of))


def _keys(stand_in: Any, seen: Any) -> list[str]:
    try:
        return list(stand_in.keys_of(seen))
    except (TypeError, KeyError):
        return []


def _is(value: Any) -> Matches:
    return lambda held: held == value


def _never(held: Any) -> bool:
    return False


def _fits(meant: Any, kind: str, text: bool) -> Matches:
    return lambda held: values.means(meant, held, kind, text=text)
