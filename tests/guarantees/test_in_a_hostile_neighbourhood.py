"""G1, G2, G5, G7 and G8 among neighbours that drip, bomb, lie, restart, stand between, or are full.

The sandbox plays the vendor; what is hostile stands before it, or holds what the push writes down.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from neighbourhood.absence import Absence, TellingRule
from neighbourhood.acts import ACTS, LYING, UNREADABLE, body
from neighbourhood.disks import blocked, full_disk
from neighbourhood.fixtures import OpenHostile, OpenProxy
from neighbourhood.hostile import Hostile
from neighbourhood.loopback import meanwhile, wait_for_port
from neighbourhood.tls import Authority, server_context
from resuming import QuickHook

from airflow_profile_provider import outages
from airflow_profile_provider.adapters import quota_stores

from . import test_g5_kill as g5
from .everything_said import Ear, leaks
from .fixtures import QUICK
from .outcome import Outcome, assert_adds_up, assert_files_agree, assert_vendor_agrees, push
from .rig import HOOKS, Rig
from .test_g2_no_lost_update import replay
from .test_g7_canaries import CANARY, ear, secrets_of
from .test_g8_polite_client import needed

pytestmark = pytest.mark.long

__all__ = ["ear"]
TIMEOUT = 0.3
"""For answers that have no end; where all answers have one, no machine is so slow as to reach the default."""
VENDORS = sorted(HOOKS)


def spread(names: Any) -> list[Any]:
    """Each name with one of the vendors in turn: all of them meet something, none meets everything."""
    return [pytest.param(vendor, name, id=f"{name}-{vendor}") for name, vendor in zip(names, cycle(VENDORS))]


@dataclass
class Street:
    """A vendor's rig in its neighbourhood. ``meanwhile`` is under way during a push."""

    rig: Rig
    front: Hostile
    options: dict[str, Any] = field(default_factory=dict)
    during: Callable[[], Any] = nullcontext

    def push(self, changes: list[Any], folder: Path, **options: Any) -> Outcome:
        """Push while the neighbourhood does its worst."""
        with self.during():
            return push(self.rig, changes, folder, **self.options, **options)


def changes_of(rig: Rig, value: str = "v") -> list[Any]:
    """A change for most of the profiles, a few that are none, and one of somebody unknown."""
    keys = rig.all_keys()
    odd = [{"key": 1.5, "fields": {}}, "no record", rig.change(rig.nobody, value)]
    return [*(rig.change(key, f"{value}{n}") for n, key in enumerate(keys[:24])), *odd]


# -- the neighbours ---------------------------------------------------------------------------------------


def acting(names: list[str], every: int = 6, **extra: Any) -> Callable[[Street, pytest.FixtureRequest], None]:
    """A vendor that answers every so many requests in one of these ways; half of them were carried out."""

    def settle(street: Street, request: pytest.FixtureRequest) -> None:
        street.rig.connect(street.front.url, **extra)
        for number, name in enumerate(names):
            due = _every(every * len(names), number * every + 2)
            street.front.act(ACTS[name], on=due, times=None, carries_out=number % 2 == 0)

    return settle


def _every(step: int, first: int) -> Callable[[Any], bool]:
    passed = [0]

    def due(asked: Any) -> bool:
        passed[0] += 1
        return passed[0] % step == first % step

    return due


def _once(street: Street, after: int, action: Callable[[], object]) -> Any:
    """Do something once so many more requests have been heard."""
    begun = len(street.front.requests)
    return meanwhile(action, when=lambda: len(street.front.requests) > begun + after)


def restarting(street: Street, request: pytest.FixtureRequest) -> None:
    """A vendor that goes away twice, and is back once the push has waited for it twice."""
    absence = Absence(street.front.go_away, street.front.come_back)
    for number, carries_out in ((5, False), (15, True)):
        heard = _every(10**9, number)
        street.front.act(lambda connection, honest: absence.begin(), on=heard, carries_out=carries_out)

    @contextmanager
    def during() -> Iterator[None]:
        try:
            yield
        finally:
            absence.end()

    street.during = during
    patch = request.getfixturevalue("monkeypatch")
    patch.setattr(street.rig.hook_class, "retry_rule", absence.rule(QUICK))


def behind_a_proxy(street: Street, request: pytest.FixtureRequest) -> None:
    """A vendor that is reached by TLS of an own authority, through a proxy that wants a password."""
    authority: Authority = request.getfixturevalue("authority")
    open_hostile: OpenHostile = request.getfixturevalue("hostile")
    open_proxy: OpenProxy = request.getfixturevalue("proxy")
    street.front = open_hostile(
        street.rig.sandbox.url, tls=server_context(authority.certificate("vendor.invalid"))
    )
    between = open_proxy({"vendor.invalid": street.front.port}, login=f"me:{CANARY}-proxy")
    address = between.url.replace("://", f"://me:{CANARY}-proxy@")
    street.rig.connect("https://vendor.invalid", verify=str(authority.ca), proxies={"https": address})


def _wait_long(request: pytest.FixtureRequest) -> None:
    """Let nobody lose patience with a database because this machine starts it slowly."""
    patch = request.getfixturevalue("monkeypatch")
    patch.setattr(outages, "PATIENCE_SECONDS", 120.0)
    patch.setattr(quota_stores, "PATIENCE_SECONDS", 120.0)


def _ledger(street: Street, store: dict[str, Any]) -> None:
    street.rig.setenv("AIRFLOW_CONN_LEDGER", json.dumps(store))
    street.options["ledger_conn_id"] = "ledger"


def postgres_restarting(street: Street, request: pytest.FixtureRequest) -> None:
    """A ledger whose PostgreSQL is restarted in mid-push."""
    postgres = request.getfixturevalue("postgres")
    _ledger(street, postgres.store(request.getfixturevalue("database")))
    _wait_long(request)
    street.during = lambda: _once(street, 5, lambda: postgres.restart(0.1))


def pooled(street: Street, request: pytest.FixtureRequest) -> None:
    """A ledger behind a pooler that keeps no prepared statement."""
    postgres, port = request.getfixturevalue("postgres"), request.getfixturevalue("pooler")
    _ledger(street, postgres.store(request.getfixturevalue("database")) | {"port": port})


def on_a_short_leash(street: Street, request: pytest.FixtureRequest) -> None:
    """A ledger whose database ends what idles for a moment."""
    postgres, database = request.getfixturevalue("postgres"), request.getfixturevalue("database")
    leashes = {"idle_session_timeout": "200ms", "idle_in_transaction_session_timeout": "200ms"}
    postgres.execute("grant create on schema public to public", database=database)
    _ledger(street, postgres.role(database, leashes=leashes))
    street.front.act(
        lambda connection, honest: (time.sleep(0.4), connection.sendall(honest.whole())), times=3
    )


def redis_restarting(street: Street, request: pytest.FixtureRequest) -> None:
    """A shared quota whose Redis is restarted in mid-push, and forgets its scripts."""
    redis = request.getfixturevalue("redis")
    street.rig.setenv("AIRFLOW_CONN_QUOTA", json.dumps(redis.store))
    street.rig.connect(street.front.url, quota="200/1s", quota_conn_id="quota")
    _wait_long(request)
    street.during = lambda: _once(street, 5, lambda: redis.restart(0.1))


VENDORS_SIDE: dict[str, Callable[[Street, pytest.FixtureRequest], None]] = {
    "dripping": acting(["header dripped", "body dripped", "100 dripped"], every=9, timeout=TIMEOUT),
    "without end": acting(["headers without end", "chunks without end", "103 without end"], timeout=TIMEOUT),
    "bombing": acting(["a gzip bomb", "a body of 40 MB", "a deflate bomb"]),
    "lying": acting(list(LYING), every=3),
    "unreadable": acting(list(UNREADABLE), every=3),
    "restarting": restarting,
    "behind a proxy": behind_a_proxy,
}
STORES_SIDE: dict[str, Callable[[Street, pytest.FixtureRequest], None]] = {
    "PostgreSQL restarting": postgres_restarting,
    "PostgreSQL pooled": pooled,
    "PostgreSQL on a short leash": on_a_short_leash,
    "Redis restarting": redis_restarting,
}
ALL = {**VENDORS_SIDE, **STORES_SIDE}


@pytest.fixture
def street(request: pytest.FixtureRequest, rig: Rig, hostile: OpenHostile) -> Street:
    """The rig of a vendor (parameter ``rig``) in a neighbourhood (parameter ``place``)."""
    found = Street(rig, hostile(rig.sandbox.url))
    rig.connect(found.front.url)
    ALL.get(request.node.callspec.params["place"], lambda *_: None)(found, request)
    return found


# -- the guarantees ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rig", "place"), spread(ALL), indirect=["rig"])
def test_g1_conservation(street: Street, tmp_path: Path, place: str) -> None:
    """Whatever the neighbours do, each record has one verdict, and report, files and vendor agree."""
    rig, changes = street.rig, changes_of(street.rig)
    before, begun = rig.held(), time.monotonic()
    outcome = street.push(changes, tmp_path, concurrency=3)
    assert time.monotonic() - begun < 120
    assert_adds_up(outcome, len(changes))
    assert_files_agree(outcome, changes)
    assert_vendor_agrees(outcome, changes, rig.field, before, rig.held())
    if place in STORES_SIDE or place in {"restarting", "behind a proxy"}:
        assert outcome.counts() == {"pushed": 24, "invalid": 2, "rejected": 1}
    assert outcome.report.retries or place != "restarting"


@pytest.mark.parametrize(("rig", "place"), spread(VENDORS_SIDE), indirect=["rig"])
def test_g2_no_lost_update(street: Street, tmp_path: Path, place: str) -> None:
    """Once the vendor behaves, a replay of the rejects leaves each profile with its last change."""
    rig = street.rig
    changes = [rig.change(key, f"v{n}") for n, key in enumerate(rig.all_keys()[:30] * 2)]
    street.push(changes, tmp_path, concurrency=4)
    street.front.acts.clear()
    replay(rig, tmp_path)
    held = rig.held()
    assert [held[change["key"]] for change in changes[30:]] == [f"v{n}" for n in range(30, 60)]


@pytest.mark.parametrize(("rig", "place"), spread(STORES_SIDE), indirect=["rig"])
def test_g2_no_lost_update_with_stores_that_fail(street: Street, tmp_path: Path, place: str) -> None:
    """Whatever its stores did, the run after it leaves the vendor as the source is."""
    rig = street.rig
    changes = [rig.change(key, f"v{n}") for n, key in enumerate(rig.all_keys()[:30])]
    street.push(changes, tmp_path, concurrency=4)
    again = push(rig, changes, tmp_path, **street.options)
    assert again.report.undelivered == 0
    held = rig.held()
    assert [held[change["key"]] for change in changes] == [f"v{n}" for n in range(30)]


@pytest.mark.parametrize(("rig", "size"), spread([0, 200, 3000]), indirect=["rig"])
def test_g1_and_g2_on_a_full_disk(rig: Rig, tmp_path: Path, size: int) -> None:
    """Where a file can be written no further, the push stops with its whole account, and nothing is lost."""
    keys = rig.all_keys()
    changes = [rig.change(key if n % 3 else f"{rig.nobody}{n}", f"v{n}") for n, key in enumerate(keys)]
    with full_disk(size):
        outcome = push(rig, changes, tmp_path, rejects=size != 0)
    report = outcome.report
    assert report.received == sum(outcome.counts().values()) == (len(changes) if size else 0)
    assert outcome.stopped is not None
    assert size or rig.arrived == 0
    push(rig, changes, tmp_path)
    held = rig.held()
    assert [held[key] for n, key in enumerate(keys) if n % 3] == [f"v{n}" for n in range(len(keys)) if n % 3]


@pytest.mark.parametrize(("rig", "what"), spread(["rejects_path", "delivered_path"]), indirect=["rig"])
def test_g6_a_folder_that_cannot_be_written_is_found_out_first(rig: Rig, tmp_path: Path, what: str) -> None:
    """Nothing is sent where what becomes of it could not be written down."""
    from airflow_profile_provider.errors import ProfileError

    path = blocked(tmp_path) / "file.jsonl"
    with pytest.raises(ProfileError, match=r"blocked/file\.jsonl"):
        rig.hook.push(changes_of(rig), **{what: path})
    assert rig.arrived == 0


@pytest.mark.parametrize("neighbour", ["lying", "unreadable", "restarting"])
def test_g5_kill(
    hostile: OpenHostile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, neighbour: str
) -> None:
    """Killed again and again beside a vendor that answers badly: nothing is lost or counted twice."""
    with ExitStack() as stack:
        ocamba = stack.enter_context(g5.Ocamba({str(n): {"comment": ""} for n in range(60)}))
        front = hostile(ocamba.url)
        connection = {"conn_type": "ocamba", "host": front.url, "password": ocamba.secret}
        connection["extra"] = {"quota": "none", "concurrency": 4}
        monkeypatch.setenv("AIRFLOW_CONN_OCAMBA_DEFAULT", json.dumps(connection))
        lines = [json.dumps({"key": str(n), "fields": {"comment": f"is {n}"}}) for n in range(60)]
        (tmp_path / "records.jsonl").write_text("\n".join(lines))
        says = {"lying": LYING, "unreadable": UNREADABLE}.get(neighbour, {})
        for number, say in enumerate(says.values()):
            front.act(say, on=_every(5 * len(says), 5 * number), times=None, carries_out=number % 2 == 0)
        back = partial(wait_for_port, front.port, 120)  # a try that is refused is repeated when it is back
        monkeypatch.setattr(QuickHook, "retry_rule", TellingRule(**vars(QUICK), waited=back))
        for after in (3, 7, 11):
            if neighbour == "restarting":
                front.restart(0.02)
            g5._killed(ocamba, tmp_path, after)
        front.acts.clear()
        g5._try(tmp_path)
        report = json.loads((tmp_path / "report.json").read_text())
        assert (report["received"], report["pushed"], report["failed"], report["unsent"]) == (60, 60, 0, 0)
        assert [ocamba.profiles[str(n)]["comment"] for n in range(60)] == [f"is {n}" for n in range(60)]


@pytest.mark.parametrize(("rig", "place"), spread(ALL), indirect=["rig"])
def test_g7_nothing_leaks(street: Street, ear: Ear, tmp_path: Path, place: str) -> None:
    """Neither a value nor a credential, the proxy's and the databases' included, is said by anybody."""
    street.front.act(body(json.dumps({"message": CANARY, CANARY: [CANARY]}).encode(), 500), times=2)
    with ear.listening():
        outcome = street.push(changes_of(street.rig, CANARY), tmp_path, concurrency=2)
        if outcome.stopped:
            raise outcome.stopped
    if outcome.stopped:
        ear.errors.append(outcome.stopped)
    secrets = secrets_of(street.rig)
    if place.startswith("PostgreSQL"):
        from neighbourhood.postgres_server import PASSWORD

        secrets["the database's password"] = PASSWORD
    assert leaks(ear, secrets) == []


@pytest.mark.parametrize(
    ("rig", "place"), spread(["behind a proxy", "restarting", *STORES_SIDE]), indirect=["rig"]
)
def test_g8_a_polite_client(street: Street, tmp_path: Path, place: str) -> None:
    """Nothing is asked twice but what had no answer, over no more connections than are in flight."""
    rig = street.rig
    changes = [rig.change(key, "polite") for key in rig.all_keys()]
    opened = street.front.connections
    outcome = street.push(changes, tmp_path, concurrency=2)
    assert outcome.counts() == {"pushed": len(changes)}
    unanswered = outcome.report.retries
    assert unanswered <= (2 * 2 * QUICK.attempts if place == "restarting" else 0)
    assert rig.arrived <= needed(rig, len(changes)) + unanswered
    assert street.front.connections - opened <= 2 + unanswered
