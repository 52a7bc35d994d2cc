"""What connecting HR's systems costs: SCIM's first sync, extracts and the feed over the API, leavers. All of them, as one table.

python -m benchmarks.hr [--database sqlite|postgresql]
"""

from __future__ import annotations

import sys

from benchmarks import house, hr_feed, hr_leavers, hr_scim


def main() -> int:
    """Print the table; 0 when everything is within its limit."""
    options = house.arguments(__doc__ or "").parse_args()
    print("| What | Database | Measured | Limit | |\n|---|---|---|---|---|")
    good = True
    for part in (hr_scim, hr_feed, hr_leavers):
        for kind in house.both(options):
            for row in part.run(kind):
                print(row, flush=True)
                good = good and row.endswith("ok |")
    print("\nWithin the limits." if good else "\nOver a limit, or not what was expected.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
