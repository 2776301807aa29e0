"""`python -m tests.fuzz`: random cases until the time is up, in a process that may crash or hang without harm."""

from __future__ import annotations

import argparse
import signal
import sys
import time

from tests.fuzz.sanitize import sanitized_environment
from tests.fuzz.supervisor import Failure, plain_environment, run


def main() -> int:
    """0: nothing found. 1: a failure, which is printed with the command that repeats it."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long (default: 600)")
    parser.add_argument("--seed", type=int, default=None, help="of the first case (default: from the clock)")
    parser.add_argument("--cases", type=int, default=None, help="how many at most")
    parser.add_argument("--sanitize", action="store_true", help="build with AddressSanitizer and UBSan, and use that")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("fuzz: ended from outside"))  # so that no worker stays behind
    seed = time.time_ns() // 10**6 if options.seed is None else options.seed
    environment = sanitized_environment() if options.sanitize else plain_environment()
    outcome = run(seed, options.seconds, environment, most_cases=options.cases)
    if isinstance(outcome, Failure):
        print(outcome.report(" --sanitize" if options.sanitize else ""))
        return 1
    print(f"fuzz: {outcome} cases from seed {seed} on, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
