"""How long `byleave --help` takes, against an interpreter that does nothing. The promise is 300 ms."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 5
PROMISED_MS = 300.0


def median_ms(program: str) -> float:
    """Return the median time of one process that runs ``program``, in milliseconds, after one to warm up."""
    times = []
    for _ in range(RUNS + 1):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times[1:])


def main() -> None:
    """Print both medians, their ratio and whether the promise holds here."""
    nothing = median_ms("pass")
    usage = median_ms("import sys; sys.argv[1:] = ['--help']; from byleave.cli.main import run; run()")
    print(f"python -c pass   {nothing:6.0f} ms")
    print(f"byleave --help   {usage:6.0f} ms   {usage / nothing:.1f} times that")
    print(
        f"promised         {PROMISED_MS:6.0f} ms   {'holds' if usage <= PROMISED_MS else 'does not hold on this machine now'}"
    )


if __name__ == "__main__":
    main()
