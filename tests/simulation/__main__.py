"""Lives through the worlds of many seeds: `python -m simulation --seeds 1000 --from 0`."""

from __future__ import annotations

import argparse
import sys

from simulation.run import SeedFailed, run


def main() -> int:
    """Run the seeds that were asked for; 1 when one fails, which is shown."""
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first of them")
    parser.add_argument("--trace", action="store_true", help="show what happened, line by line")
    asked = parser.parse_args()
    calls, virtual_s = 0, 0.0
    for seed in range(asked.first, asked.first + asked.seeds):
        try:
            seen = run(seed)
        except SeedFailed as failed:
            sys.stderr.write(f"{failed}\n")
            return 1
        calls += seen.calls
        virtual_s += seen.virtual_s
        if asked.trace:
            sys.stdout.write("\n".join([*seen.lines, ""]))
    days = virtual_s / 86_400
    sys.stdout.write(f"{asked.seeds} seeds from {asked.first}: {calls} calls in {days:.0f} days, nothing went wrong\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
