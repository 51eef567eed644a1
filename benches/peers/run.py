"""Reconstructs the cases of a bench with other programs, for its table: python benches/peers/run.py bench/

Leaves bench/peers/PROGRAM:METHOD/CASE.h5, which `pvdamp bench` takes in when it is started again, and
bench/peers/times.json. README.md beside this file says what is measured.
"""

from __future__ import annotations

import argparse
import math
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    import h5py  # noqa: F401
    import numpy as np
except ImportError as e:
    sys.exit(f"the Python package '{e.name}' is missing: pip install -r benches/peers/requirements.txt")

from cases import Case, Complex, Failure, nmse_object, prepare, read_bench
from programs import PROGRAMS, Program, Pvdamp, Solved
from written import Timing, is_result_of, show, write_result, write_times

#: About three λ for each factor of 10.
GRID = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
#: The optimum is sought until its neighbours are this close.
CLOSE = 1.1
#: Times that the grid may be extended where the best λ is its first or last.
EXTENSIONS = 6
ORACLE = "λ of least NMSE (object)"


def least(points: dict[float, float]) -> float:
    """The λ of least NMSE."""
    return min(points, key=points.__getitem__)


def search(evaluate: Callable[[list[float]], list[float]], grid: list[float]) -> dict[float, float]:
    """NMSE at each λ of the grid and of its refinement around the best one."""
    points = dict(zip(grid, evaluate(grid)))
    if len(points) < 2:
        return points
    for _ in range(EXTENSIONS):
        tried = sorted(points)
        best = least(points)
        if best not in (tried[0], tried[-1]):
            break
        beyond = best**2 / (tried[1] if best == tried[0] else tried[-2])
        points[beyond] = evaluate([beyond])[0]
    while True:
        tried = sorted(points)
        at = tried.index(least(points))
        around = zip(tried[max(at - 1, 0) : at + 1], tried[at : at + 2]) if at else [(tried[0], tried[1])]
        between = [math.sqrt(low * high) for low, high in around if high > low * CLOSE]
        if not between:
            return points
        points.update(zip(between, evaluate(between)))


def contenders(program: Program, iterations: int) -> tuple[str, str]:
    """Names of the folders: with the λ of the reference, and with the customary one."""
    suffix = "" if iterations == program.iterations else f":iterations={iterations}"
    return f"{program.name}:optimal{suffix}", f"{program.name}:{program.customary:g}{suffix}"


class Comparison:
    """The programs, and what is asked of them."""

    def __init__(self, arguments: argparse.Namespace, scratch: Path):
        self.arguments = arguments
        self.scratch = scratch
        self.ours = Pvdamp(arguments.pvdamp)
        self.folder: Path = arguments.bench / "peers"

    def path(self, contender: str, case: str) -> Path:
        return self.folder / contender / f"{case}.h5"

    def pending(self, record: dict[str, Any], programs: list[Program]) -> list[Program]:
        """The programs without all of their results on a case as it is now."""
        if self.arguments.again:
            return programs
        words = " ".join(record["arguments"])
        paths = {p.name: [self.path(name, record["id"]) for name in self.contenders(p)] for p in programs}
        return [p for p in programs if not all(is_result_of(path, words) for path in paths[p.name])]

    def contenders(self, program: Program) -> tuple[str, str]:
        return contenders(program, self.iterations(program))

    def iterations(self, program: Program) -> int:
        return self.arguments.iterations or program.iterations

    def solve(self, program: Program, case: Case, lambdas: list[float], threads: int) -> list[Solved]:
        return program.solve(case, lambdas, self.iterations(program), threads, self.scratch)

    def compare(self, case: Case, programs: list[Program]) -> None:
        """All that is done with one case."""
        found: dict[str, dict[float, float]] = {}
        images: dict[tuple[str, float], Complex] = {}
        most = max(self.arguments.threads)
        for program in programs:

            def evaluate(lambdas: list[float], program: Program = program) -> list[float]:
                for lambda_, solved in zip(lambdas, self.solve(program, case, lambdas, most)):
                    images[program.name, lambda_] = solved.image
                return [nmse_object(images[program.name, lambda_], case.reference) for lambda_ in lambdas]

            points = found[program.name] = search(evaluate, self.arguments.grid)
            if program.customary not in points:
                points[program.customary] = evaluate([program.customary])[0]
            self.say(case, program, points)
        timings = self.time(case, programs, {name: least(points) for name, points in found.items()})
        write_times(self.folder / "times.json", case, timings)
        show(timings)
        for program in programs:
            self.write(case, program, found[program.name], images, timings)

    def say(self, case: Case, program: Program, points: dict[float, float]) -> None:
        for name, lambda_ in zip(self.contenders(program), (least(points), program.customary)):
            print(f"{case.id}  {name:14}  λ = {lambda_:<9.3g} NMSE (object) {points[lambda_]:7.2f} dB", flush=True)

    def time(self, case: Case, programs: list[Program], lambdas: dict[str, float]) -> list[Timing]:
        """Rounds of every program with every number of threads, in turn, so that a busy machine is so to all."""
        taken: dict[tuple[str, str, int, str], list[float]] = {}

        def note(program: Program | Pvdamp, threads: int, solved: Solved) -> None:
            key = (program.name, program.version(), threads)
            if solved.solve is not None:
                taken.setdefault((*key, "solve"), []).append(solved.solve)
            taken.setdefault((*key, "process"), []).append(solved.process)

        for _ in range(self.arguments.repeats):
            for threads in self.arguments.threads:
                note(self.ours, threads, self.ours.solve(case, threads, self.scratch))
                for program in programs:
                    note(program, threads, self.solve(program, case, [lambdas[program.name]], threads)[0])
        return [Timing(*key, seconds) for key, seconds in sorted(taken.items())]

    def write(
        self,
        case: Case,
        program: Program,
        points: dict[float, float],
        images: dict[tuple[str, float], Complex],
        timings: list[Timing],
    ) -> None:
        """The results of a program on a case: with the best λ, and with the customary one."""
        process, solve = (
            [t for t in timings if (t.program, t.timed) == (program.name, w)] for w in ("process", "solve")
        )
        shown = solve or process
        best = min(shown, key=lambda timing: timing.median)
        common = {
            "program": program.version(),
            "threads": best.threads,
            "iterations": self.iterations(program),
            "seconds": best.median,
            "timed": program.timed,
            "timed_threads": np.array([timing.threads for timing in shown]),
            "timed_seconds": np.array([timing.median for timing in shown]),
            "process_seconds": np.array([timing.median for timing in process]),
        }
        optimal, fixed = self.contenders(program)
        customary, iterations = program.customary, self.iterations(program)
        more = "" if iterations == program.iterations else f", {iterations} iterations"
        for name, lambda_, label, oracle, curve in (
            (optimal, least(points), f"{program.title}, optimal λ{more}", ORACLE, points),
            (fixed, customary, f"{program.title}, λ = {customary:g}{more}", "", None),
        ):
            attributes = {**common, "label": label, "oracle": oracle, "lambda": lambda_, "arguments": case.arguments}
            write_result(self.path(name, case.id), images[program.name, lambda_], attributes, curve)


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def counts(text: str) -> list[int]:
    return sorted({positive(word) for word in text.split(",")})


def weights(text: str) -> list[float]:
    values = sorted({float(word) for word in text.split(",")})
    if not all(0 < value < math.inf for value in values):
        raise argparse.ArgumentTypeError("every λ must be above 0")
    return values


def names(text: str) -> list[str]:
    asked, known = text.split(","), [program.name for program in PROGRAMS]
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no program '{unknown[0]}'; there are {', '.join(known)}")
    return asked


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Reconstructs the cases of a bench with other programs.")
    parser.add_argument("bench", type=Path, help="folder that `pvdamp bench -o` wrote")
    parser.add_argument("--pvdamp", default="target/release/pvdamp", help="this program [%(default)s]")
    parser.add_argument("--programs", type=names, default=[p.name for p in PROGRAMS], help="comma-separated [all]")
    parser.add_argument("--grid", type=weights, default=list(GRID), help="comma-separated λ to start the search from")
    parser.add_argument("--iterations", type=positive, help="of each reconstruction [the program's own default]")
    parser.add_argument("--repeats", type=positive, default=3, help="rounds of timing [%(default)s]")
    parser.add_argument("--threads", type=counts, default=[1, 2], help="comma-separated numbers of threads [1,2]")
    parser.add_argument(
        "--cases", choices=("first", "all"), default="all", help="all, or of those that differ by the seed the first"
    )
    parser.add_argument("--again", action="store_true", help="do not skip results that are there already")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    records = read_bench(arguments.bench)
    if not records:
        print(f"{arguments.bench}: no case has a reference: nothing to compare")
        return 0
    if arguments.cases == "first":
        groups: dict[str, dict[str, Any]] = {}
        for record in records:
            groups.setdefault(record["group"], record)
        records = list(groups.values())
    pvdamp = shutil.which(arguments.pvdamp)
    if pvdamp is None:
        raise Failure(f"{arguments.pvdamp}: there is no such program; cargo build --release, or name it with --pvdamp")
    arguments.pvdamp = pvdamp
    asked = [program for program in PROGRAMS if program.name in arguments.programs]
    missing = {program.name: program.missing() for program in asked}
    for sentence in filter(None, missing.values()):
        print(sentence)
    programs = [program for program in asked if missing[program.name] is None]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="pvdamp-peers-") as scratch:
        comparison = Comparison(arguments, Path(scratch))
        for record in records if programs else []:
            pending = comparison.pending(record, programs)
            if not pending:
                print(f"{record['id']}: done already")
                continue
            try:
                comparison.compare(prepare(record, pvdamp, Path(scratch)), pending)
            except Failure as e:
                print(e, file=sys.stderr)
                failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as e:
        sys.exit(str(e))
    except KeyboardInterrupt:
        sys.exit(130)
