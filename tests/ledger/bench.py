"""The ledger's benchmark: `PYTHONPATH=tests:dags python -m ledger.bench [--records N] [--profile]`.

Planning against a bare loop over the same file and database; what a push with few changes sends; what the
ledger costs a push. Each contender has a process of its own, and they take turns.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

from bench.machine import describe
from bench.race import Served, environment, stand_in
from bench.stores import postgres

from .contender import COLUMNS, records_of

LATENCY = 0.05
BATCH = 100


def main() -> None:
    """Measure everything and print a table."""
    parser = argparse.ArgumentParser(prog="python -m ledger.bench")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stores", default="sqlite,postgres")
    parser.add_argument("--only", default="plan,requests,overhead")
    parser.add_argument("--profile", action="store_true", help="say where the time of a plan goes, and end")
    given = parser.parse_args()
    print(describe(), flush=True)
    with tempfile.TemporaryDirectory(prefix="ledger-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        bench = Bench(Path(folder))
        for name in given.stores.split(","):
            with bench.store(name) as store:
                if "plan" in given.only or given.profile:
                    bench.plan(name, store, given.records, given.rounds, profile=given.profile)
            if given.profile:
                continue
            with bench.store(name) as store:
                if "requests" in given.only:
                    bench.requests(name, store, 100_000)
            with bench.store(name) as store:
                if "overhead" in given.only:
                    bench.overhead(name, store, 5000, given.rounds)


class Bench:
    """Measures in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stores = 0

    @contextmanager
    def store(self, name: str) -> Iterator[dict[str, Any]]:
        """A new database."""
        self._stores += 1
        own = self._folder / f"{name}-{self._stores}"
        own.mkdir()
        if name == "sqlite":
            yield {"conn_type": "sqlite", "host": str(own / "ledger.db")}
        else:
            with postgres(own) as store:
                yield store

    def plan(self, name: str, store: dict[str, Any], number: int, rounds: int, *, profile: bool) -> None:
        """Plan where 1 % changed, against the bare loop."""
        before, after = self._file(number, ""), self._file(number, "new")
        filled = self._run("push", store, before, options={"action": "baseline"})
        print(f"{name}: baseline of {number:,}: {filled['wall']:.1f} s, {_over(filled):.0f} MB over idle")
        self._run("learn", store, before)
        ours: list[dict[str, Any]] = []
        bare: list[dict[str, Any]] = []
        options = {"action": "plan"}
        if profile:
            self._run("push", store, after, options=options, profile=True)
            return
        for _ in range(rounds):
            bare.append(self._run("bare", store, after))
            ours.append(self._run("push", store, after, options=options))
        assert all(one["found"]["plan"] == ceil(number / 100) for one in ours)
        assert all(one["found"]["changed"] == ceil(number / 100) for one in bare)
        for what, done in (("bare loop", bare), ('action="plan"', ours)):
            wall, cpu = (median(one[figure] for one in done) for figure in ("wall", "cpu"))
            print(
                f"{name}: {what:14} {wall:6.2f} s, cpu {cpu:6.2f} s, {max(map(_over, done)):.0f} MB over idle"
            )
        ratios = sorted(mine["wall"] / its["wall"] for mine, its in zip(ours, bare, strict=True))
        shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"{name}: ratio {median(ratios):.2f} ({shown}); target 1.3", flush=True)

    def requests(self, name: str, store: dict[str, Any], number: int) -> None:
        """Count requests at the vendor: of a run with no change, and of one where 1 % changed."""
        before, after = self._file(number, ""), self._file(number, "new")
        fields = ["email", "full_name"]
        for vendor, batch in (("ocamba", 1), ("sonoran", BATCH)):
            options: dict[str, Any] = {"action": "baseline", "fields": fields}
            self._run("push", store, before, vendor=vendor, options=options)
            with stand_in(self._folder) as served:
                options = {"batch_size": batch, "concurrency": 4, "fields": fields}
                same = self._counted(served, store, before, vendor, options)
                some = self._counted(served, store, after, vendor, options)
            print(
                f"{name}: {vendor}, {number:,} records: no change {same} requests (target 0), 1 % changed "
                f"{some} (target {ceil(number / 100 / batch)}; Sonoran's list of fields is one more)",
                flush=True,
            )

    def _counted(self, served: Served, store: Any, path: Path, vendor: str, options: Any) -> int:
        before = served.seen()["admitted"]
        self._run("push", store, path, vendor=vendor, url=served.url, options=options)
        return int(served.seen()["admitted"] - before)

    def overhead(self, name: str, store: dict[str, Any], number: int, rounds: int) -> None:
        """Push everything at 50 ms, 16 in flight, with the ledger and without."""
        walls: dict[bool, list[float]] = {False: [], True: []}
        with stand_in(self._folder, LATENCY) as served:
            for at in range(rounds):
                path = self._file(number, f"round {at}", every=1)
                for ledger in walls:
                    options = {"concurrency": 16, **({"ledger_conn_id": "ledger"} if ledger else {})}
                    done = self._run("push", store, path, url=served.url, options=options, ledger=False)
                    assert done["found"]["pushed"] == number, done
                    walls[ledger].append(done["found"]["seconds"])
        ratios = [mine / its - 1 for mine, its in zip(walls[True], walls[False], strict=True)]
        shown = ", ".join(f"{ratio:+.1%}" for ratio in sorted(ratios))
        print(
            f"{name}: a push of {number:,} at 50 ms, 16 in flight: {median(walls[False]):.2f} s without the "
            f"ledger, {median(walls[True]):.2f} s with it: {median(ratios):+.1%} ({shown}); target +5 %",
            flush=True,
        )

    def _run(
        self,
        name: str,
        store: dict[str, Any],
        path: Path,
        *,
        vendor: str = "ocamba",
        options: dict[str, Any] | None = None,
        ledger: bool = True,
        **more: Any,
    ) -> dict[str, Any]:
        known = {"ledger_conn_id": "ledger"} if ledger else {}
        job = {"store": store, "path": str(path), "vendor": vendor, "options": {**known, **(options or {})}}
        done = subprocess.run(
            [sys.executable, "-m", "ledger.contender", name, json.dumps({**job, **more})],
            env=environment(self._folder),
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=None if more.get("profile") else subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{name} ended:\n{(done.stderr or '')[-3000:]}")
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def _file(self, number: int, marker: str, every: int = 100) -> Path:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self._folder / f"{number}-{marker or 'before'}-{every}.parquet"
        if not path.exists():
            schema = pa.schema([(name, pa.string()) for name in COLUMNS])
            with pq.ParquetWriter(path, schema) as writer:
                rows: list[dict[str, Any]] = []
                for record in records_of(number, marker, every):
                    rows.append(record)
                    if len(rows) == 50_000:
                        writer.write_table(pa.Table.from_pylist(rows, schema))
                        rows = []
                writer.write_table(pa.Table.from_pylist(rows, schema))
        return path


def _over(done: dict[str, Any]) -> float:
    return float(done["peak"] - done["idle"])


if __name__ == "__main__":
    main()
