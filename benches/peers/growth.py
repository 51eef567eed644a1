"""How memory and time of whole processes grow with pixels, coils and slices, and the exponents of that, as tables.

    python benches/peers/growth.py [pixels] [coils] [slices] [--rounds 3]

Simulated scans, Bernoulli R = 5, maps made from the scan by ESPIRiT, one thread. BART beside it where it is installed,
of one slice. `cargo bench -p pvdamp-benches --bench growth` has the times of single iterations.
"""

from __future__ import annotations

import argparse
import math
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cases import Failure
from measured import Taken, digits, median
from whole import BART_ECALIB, Contender, Scan, bart, bart_pics, pvdamp_maps, recon

#: Products of 2 and 3; then sizes that Fourier transforms do not like, 181, 257 and 331 being primes.
PIXELS = ("96x96", "128x128", "192x192", "256x256", "384x384", "512x512", "768x768")
OTHERS = ("240x181", "257x257", "331x331")
COILS = (1, 2, 4, 8, 16, 32)
SLICES = (1, 2, 4, 8)
#: What grows, when something else does.
SIZE, MANY = "256x256", 8


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Of the power that fits best: least squares in the logarithms."""
    x, y = ([math.log(v) for v in column] for column in (sizes, values))
    return statistics.linear_regression(x, y).slope


class Growth:
    """The programs, and what is asked of them."""

    def __init__(self, arguments: argparse.Namespace, folder: Path):
        self.pvdamp, self.rounds, self.folder = arguments.pvdamp, arguments.rounds, folder
        self.ours = [recon(self.pvdamp, method, False) for method in ("pvdamp", "howl")]
        self.ours.append(pvdamp_maps(self.pvdamp))
        calls = {"`bart ecalib`": [BART_ECALIB], "`bart pics`": [bart_pics("maps")]}
        there = shutil.which("bart") is not None
        self.peers = [bart(name, call, None, False) for name, call in calls.items()] if there else []

    def measure(self, contenders: list[Contender], size: str, coils: int, slices: int = 1) -> list[Taken]:
        """Medians of the rounds, contenders in turn, on one thread."""
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            scan = Scan(Path(place) / "scan", self.pvdamp, size, coils, slices)
            rounds = [[contender.run(scan, 1) for contender in contenders] for _ in range(self.rounds)]
        return [median(list(taken)) for taken in zip(*rounds)]

    def pixels(self) -> None:
        contenders = self.ours + self.peers
        found = {size: self.measure(contenders, size, MANY) for size in PIXELS + OTHERS}
        counts = [math.prod(map(int, size.split("x"))) for size in PIXELS]
        work = [n * math.log2(n) for n in counts]
        for title, values in kinds(found):
            head(f"{title}, {MANY} coils", contenders)
            for size in found:
                row(size, values[size])
            fitted = [values[size] for size in PIXELS]
            row(f"exponent of the pixels n, {PIXELS[0]} to {PIXELS[-1]}", exponents(counts, fitted))
            row(f"the same, from {PIXELS[-3]} on", exponents(counts[-3:], fitted[-3:]))
            if "time" in title:
                row("exponent of n log n", exponents(work, fitted))
            print(flush=True)

    def coils(self) -> None:
        contenders = self.ours + self.peers
        found = {coils: self.measure(contenders, SIZE, coils) for coils in COILS}
        for title, values in kinds(found):
            head(f"{title}, {SIZE}, coils", contenders)
            for coils in COILS:
                row(str(coils), values[coils])
            row("exponent, all", exponents(COILS, [values[coils] for coils in COILS]))
            row(f"exponent, {COILS[3]} to {COILS[-1]}", exponents(COILS[3:], [values[coils] for coils in COILS[3:]]))
            print(flush=True)

    def slices(self) -> None:
        found = {slices: self.measure(self.ours, SIZE, MANY, slices) for slices in SLICES}
        for title, values in kinds(found):
            head(f"{title}, {SIZE}, {MANY} coils, slices", self.ours)
            for slices in SLICES:
                row(str(slices), values[slices])
            row("exponent", exponents(SLICES, [values[slices] for slices in SLICES]))
            print(flush=True)


def kinds(found: dict) -> list[tuple[str, dict]]:
    """Seconds and megabytes of what was measured."""
    seconds = {key: [taken.seconds for taken in row] for key, row in found.items()}
    peaks = {key: [taken.peak / 1e6 for taken in row] for key, row in found.items()}
    return [("time [s]", seconds), ("peak memory [MB]", peaks)]


def exponents(sizes: Sequence[float], rows: list[list[float]]) -> list[float]:
    """Of each column."""
    return [exponent(sizes, column) for column in zip(*rows)]


def head(title: str, contenders: list[Contender]) -> None:
    print(f"| {title} | {' | '.join(contender.name for contender in contenders)} |\n|{'---|' * (len(contenders) + 1)}")


def row(label: str, values: list[float]) -> None:
    print(f"| {label} | {' | '.join(map(digits, values))} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds_of_growth = ("pixels", "coils", "slices")
    parser.add_argument("what", nargs="*", help=f"{', '.join(kinds_of_growth)} [all]")
    parser.add_argument("--pvdamp", default="target/release/pvdamp")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    asked = arguments.what or kinds_of_growth
    if unknown := set(asked) - set(kinds_of_growth):
        parser.error(f"there is no growth with {unknown.pop()}")
    with tempfile.TemporaryDirectory(prefix="pvdamp-growth-") as folder:
        growth = Growth(arguments, Path(folder))
        for what in asked:
            print(f"### Whole processes, {what}\n")
            getattr(growth, what)()


if __name__ == "__main__":
    try:
        main()
    except Failure as e:
        sys.exit(f"growth.py: {e}")
    except KeyboardInterrupt:
        sys.exit(130)
