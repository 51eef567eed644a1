"""Counts the instructions of fixed pieces of work, by valgrind, and holds them to the counts in instructions.json.

    python3 benches/instructions.py [--update]

Counts do not depend on what else the machine does, as seconds do. They depend on the compiler, on the vectors that
valgrind has, and a little on the C library and valgrind itself: where those are others than the baseline was made with,
that is said, and a wider tolerance holds.

Exit code 0: no count rose; 1: one did, or nothing could be counted; 77: skipped, there is no valgrind.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BASELINE = Path(__file__).with_suffix(".json")
SKIPPED = 77

#: What is counted: the work of instructions.rs, and two numbers of times whose difference counts.
WORK = {
    "Fourier transform, there and back": ("fourier", 20, 40),
    "Fourier transform of odd size": ("fourier-odd", 20, 40),
    "wavelet transform, there and back": ("wavelet", 20, 40),
    "ESPIRiT": ("espirit", 1, 3),
    "P-VDAMP, first part": ("pvdamp", 3, 6),
    "P-VDAMP, second part": ("pvdamp", 13, 16),
    "P-VDAMP as published": ("pvdamp-published", 3, 6),
    "HOWL, db4 frame": ("howl", 3, 4),
    "HOWL, Haar frame": ("howl", 4, 5),
    "HOWL, directional frame": ("howl", 5, 6),
    "HOWL, similar patches, the first": ("howl", 21, 22),
    "HOWL, similar patches": ("howl", 23, 24),
}
#: Change of a count that is let pass: with the tools of the baseline, and with others.
TOLERANCE, TOLERANCE_ELSEWHERE = 0.03, 0.15


class Failure(Exception):
    """One sentence for the user."""


@dataclass(frozen=True)
class Change:
    """One count beside that of the baseline."""

    name: str
    found: int
    #: None for what the baseline does not have.
    expected: int | None
    tolerance: float

    @property
    def relative(self) -> float:
        return self.found / self.expected - 1 if self.expected else 0.0

    @property
    def verdict(self) -> str:
        if self.expected is None:
            return "new"
        if self.relative > self.tolerance:
            return "MORE"
        return "fewer" if self.relative < -self.tolerance else "as before"


def run(words: list[str]) -> str:
    """Runs a program that must succeed; what it wrote to standard output and error."""
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=ROOT)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise Failure(f"{' '.join(words[:3])} failed with {done.returncode}: {' '.join(last)}")
    return done.stdout + done.stderr


def build() -> str:
    """Path of the built bench."""
    words = ["cargo", "bench", "-p", "pvdamp-benches", "--bench", "instructions", "--no-run"]
    words.append("--message-format=json-render-diagnostics")
    done = subprocess.run(words, check=False, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    built = [m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == "instructions"]
    if done.returncode != 0 or not built:
        raise Failure("cargo bench -p pvdamp-benches --bench instructions --no-run failed")
    return built[-1]


def count(program: str, work: str, times: int) -> int:
    """Instructions of the whole process."""
    valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    said = run([*valgrind, program, work, str(times)])
    found = re.search(r"I\s+refs:\s+([\d,]+)", said)
    if not found:
        raise Failure(f"valgrind told no count of instructions: {said.strip().splitlines()[-1:]}")
    return int(found[1].replace(",", ""))


def counts(program: str) -> dict[str, int]:
    """Of one of each piece of work."""
    needed = sorted({(work, times) for work, *both in WORK.values() for times in both})
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        totals = dict(zip(needed, pool.map(lambda key: count(program, *key), needed)))
    return {
        name: round((totals[work, more] - totals[work, less]) / (more - less))
        for name, (work, less, more) in WORK.items()
    }


def tools(program: str) -> dict[str, str]:
    """What the counts depend on beside our code."""
    level = run(["valgrind", "-q", "--tool=none", program, "level"]).split()[-1]
    return {
        "rustc": run(["rustc", "--version"]).strip(),
        "valgrind": run(["valgrind", "--version"]).strip(),
        "libc": " ".join(platform.libc_ver()),
        "vectors": level,
    }


def compare(found: dict[str, int], with_tools: dict[str, str], baseline: dict) -> tuple[list[str], list[Change]]:
    """The tools that are not those of the baseline, in words, and the changes."""
    then = baseline["made_with"]
    changed = [name for name, tool in with_tools.items() if tool != then.get(name)]
    others = [f"{name}: {with_tools[name]}, not {then.get(name)}" for name in changed]
    tolerance = baseline["tolerance_with_other_tools" if others else "tolerance"]
    expected = baseline["instructions"]
    return others, [Change(name, n, expected.get(name), tolerance) for name, n in found.items()]


def show(changes: list[Change]) -> None:
    print("| millions of instructions | found | baseline | change | |")
    print("|---|---|---|---|---|")
    for c in changes:
        expected = "" if c.expected is None else f"{c.expected / 1e6:.3f}"
        change = "" if c.expected is None else f"{100 * c.relative:+.1f} %"
        print(f"| {c.name} | {c.found / 1e6:.3f} | {expected} | {change} | {c.verdict} |")


def write(found: dict[str, int], with_tools: dict[str, str]) -> None:
    baseline = {
        "made_with": with_tools,
        "tolerance": TOLERANCE,
        "tolerance_with_other_tools": TOLERANCE_ELSEWHERE,
        "instructions": found,
    }
    BASELINE.write_text(json.dumps(baseline, indent=2) + "\n", encoding="utf-8")
    print(f"instructions: {BASELINE.relative_to(ROOT)} written")


def main() -> int:
    parser = argparse.ArgumentParser(description="Holds counts of instructions to their baseline.")
    parser.add_argument("--update", action="store_true", help="make what is counted now the baseline")
    arguments = parser.parse_args()
    if not shutil.which("valgrind"):
        print("instructions: skipped: no valgrind on the PATH")
        return SKIPPED
    program = build()
    found, with_tools = counts(program), tools(program)
    baseline = json.loads(BASELINE.read_text(encoding="utf-8")) if BASELINE.is_file() else None
    if baseline is None and not arguments.update:
        raise Failure(f"there is no {BASELINE.name}; make it with --update")
    verdicts = set()
    if baseline is not None:
        others, changes = compare(found, with_tools, baseline)
        if others:
            wider = f"{100 * baseline['tolerance_with_other_tools']:.0f} %"
            print(f"instructions: not counted with the tools of the baseline; only more than {wider} is a change")
            print("\n".join(f"  {other}" for other in others))
        show(changes)
        verdicts = {change.verdict for change in changes}
    if arguments.update:
        write(found, with_tools)
        return 0
    if verdicts - {"as before", "MORE"}:
        print("instructions: to make these the baseline: python3 benches/instructions.py --update")
    if "MORE" in verdicts:
        print("instructions: some work takes more instructions than before", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as e:
        sys.exit(f"instructions: {e}")
    except KeyboardInterrupt:
        sys.exit(130)
