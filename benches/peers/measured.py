"""What a process takes: seconds, and the memory of its peak."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cases import Failure

#: Starts the program and waits for it: OUTPUT PROGRAM WORD…
#:
#: The system counts what a process had before it became another program into the other's peak. So programs are not
#: started from here, where NumPy is loaded, but from a Python without anything, of about 10 MB.
STARTER = """
import os, sys, time
output, *words = sys.argv[1:]
start = time.perf_counter()
child = os.posix_spawnp(words[0], words, os.environ)
_, status, used = os.wait4(child, 0)
seconds = time.perf_counter() - start
peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
with open(output, "w") as file:
    file.write(f"{seconds!r} {peak}")
sys.exit(os.waitstatus_to_exitcode(status) & 255)
"""


@dataclass(frozen=True)
class Taken:
    """By one process, or by several one after the other."""

    seconds: float
    #: Largest resident set [bytes].
    peak: int

    def then(self, other: Taken) -> Taken:
        return Taken(self.seconds + other.seconds, max(self.peak, other.peak))


def measure(words: list[str], environment: dict[str, str] | None = None) -> Taken:
    """Runs a program that must succeed, with variables of the environment beside those that are there."""
    named = [f"{name}={value}" for name, value in (environment or {}).items()]
    with tempfile.NamedTemporaryFile("r", encoding="ascii") as output:
        starter = [sys.executable, "-I", "-S", "-c", STARTER, output.name]
        done = subprocess.run([*starter, "env", *named, *words], check=False, capture_output=True, text=True)
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
            raise Failure(f"{' '.join(words[:2])} failed: {said[-1]}")
        seconds, peak = Path(output.name).read_text(encoding="ascii").split()
    return Taken(float(seconds), int(peak))


def median(taken: list[Taken]) -> Taken:
    """Median of the seconds; the largest peak."""
    return Taken(statistics.median(t.seconds for t in taken), max(t.peak for t in taken))


def spread(taken: list[Taken]) -> str:
    """From the least to the most [s]."""
    seconds = [t.seconds for t in taken]
    return f"{digits(min(seconds))} to {digits(max(seconds))}"


def digits(value: float) -> str:
    """Three digits."""
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"
