"""What applying a list to a very large dataset takes on a cluster: core-hours, time and money, from measured speeds and stated assumptions.

Measures nothing. Speeds are what ``apply_speed.py --large`` prints; everything else is an assumption to be replaced. Prints the table of
``docs/how-to/apply-on-a-cluster.md``.

    python benchmarks/cluster_sum.py --mask 1500000 --annotate 950000 --filter 500000
"""

from __future__ import annotations

import argparse

MASK_SPEED, ANNOTATE_SPEED, FILTER_SPEED = 1_500_000.0, 950_000.0, 500_000.0
"""Rows per processor second where none are given: the lower ones of those that ``docs/reference/measured.md`` tells."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=float, default=5.85e9)
    parser.add_argument("--row-bytes", type=float, default=97.0, help="bytes of a row as Parquet")
    parser.add_argument("--mask", type=float, default=MASK_SPEED, help="rows per processor second")
    parser.add_argument("--annotate", type=float, default=ANNOTATE_SPEED, help="the same")
    parser.add_argument("--filter", type=float, default=FILTER_SPEED, help="the same")
    parser.add_argument(
        "--copy", type=float, default=100e6, help="bytes per second and core, from or to objects"
    )
    parser.add_argument("--share", type=float, default=0.8, help="share of the time in which workers work")
    parser.add_argument("--cores", type=float, default=64)
    parser.add_argument("--price", type=float, default=0.05, help="of a core-hour")
    parser.add_argument("--large", action="store_true", help="as the other benchmarks; alone it does nothing")
    given = parser.parse_args()
    fetched = given.rows * given.row_bytes / given.copy
    print("| mode | deciding and writing | fetching and putting | core-hours | time on the cores | money |")
    print("|---|---|---|---|---|---|")
    modes = (("mask", given.mask, 1), ("annotate", given.annotate, 2), ("filter", given.filter, 2))
    for mode, speed, copies in modes:
        decided, copied = given.rows / speed / 3600, copies * fetched / 3600
        hours = (decided + copied) / given.share
        print(
            f"| `{mode}` | {decided:.1f} h | {copied:.1f} h | {hours:.1f} | "
            f"{60 * hours / given.cores:.0f} min | {hours * given.price:.2f} $ |"
        )


if __name__ == "__main__":
    main()
