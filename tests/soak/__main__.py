"""``python -m tests.soak [--records N] [--vendor V ...]``, from the repository's root.

Pushes N records to each vendor in a sandbox of its own process, amid a low rate of mixed faults; replays the
rejects until there are none; then compares all that the vendor holds with the source. Prints records/s, peak
memory and verdicts; exits with 1 on any difference.
"""

from __future__ import annotations

import argparse
import sys

from tests import own_airflow  # noqa: F401 -- before anything imports airflow: a home of its own
from tests.guarantees.rig import HOOKS
from tests.soak.run import soak


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.split("\n\n")[1])
    parser.add_argument("--records", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--profiles", type=int, metavar="N", help="how many they are of; by default as many")
    parser.add_argument("--vendor", nargs="+", choices=sorted(HOOKS), default=["ocamba"], metavar="V")
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--faults", type=float, default=0.005, help="share of requests that go wrong")
    options = parser.parse_args()
    agreed = [
        soak(
            vendor,
            records=options.records,
            profiles=min(options.profiles or options.records, options.records),
            concurrency=options.concurrency,
            faults=options.faults,
        )
        for vendor in options.vendor
    ]
    return 0 if all(agreed) else 1


if __name__ == "__main__":
    sys.exit(main())
