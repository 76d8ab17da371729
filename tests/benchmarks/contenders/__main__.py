"""A contender's process: says that it is ready, then runs as many records as each line of its input says.

`python -m benchmarks.contenders bare:loop '{"url": …}'`; every line of its output is JSON.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.contenders.job import Job, Prepare


def cpu_seconds() -> float:
    """Return the CPU time that this process has used, in user and in system mode."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak() -> float:
    """Return the most memory that this process has held, in MB.

    getrusage would count what its parent held when it started this one, too.
    """
    if not (status := Path("/proc/self/status")).exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines = status.read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def measured(prepare: Prepare, number: int) -> dict[str, float]:
    """Run so many records and return what it cost."""
    run = prepare(number)
    gc.collect()  # the garbage of making the sample records is not the push's
    cpu, begun = cpu_seconds(), time.perf_counter()
    done = run()
    seconds, used = time.perf_counter() - begun, cpu_seconds() - cpu
    if done != number:
        raise SystemExit(f"{done} of {number} records were acknowledged")
    return {"records": number, "seconds": seconds, "cpu": used, "peak": peak()}


def main() -> None:
    """Serve the lines of the standard input; whatever else is printed goes to the standard error."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)

        def tell(answer: dict[str, Any]) -> None:
            answers.write(json.dumps(answer) + "\n")
            answers.flush()

        name, job = sys.argv[1:]
        module, _, factory = name.partition(":")
        made: Prepare = getattr(import_module(f"benchmarks.contenders.{module}"), factory)(
            Job(**json.loads(job))
        )
        tell({"peak": peak()})
        for line in sys.stdin:
            tell(measured(made, int(line)))


if __name__ == "__main__":
    main()
