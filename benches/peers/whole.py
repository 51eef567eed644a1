"""Whole processes, file to file, beside those of the other programs: seconds, memory and error, as tables.

    python benches/peers/whole.py [--cases 256x256x8,…] [--rounds 5] [--threads 1,2] [--programs bart,sigpy]

One simulated slice a case, Bernoulli R = 5. Programs and numbers of threads take turns, round by round, so that a slow
minute hits all of them. README.md beside this file says what is run.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from cases import Complex, Failure, intensity, nmse_magnitude, run
from measured import Taken, digits, measure, median, spread
from programs import read_cfl, with_threads, write_cfl

#: FISTA of SigPy on one slice: given.npz, image.npy, seconds of the solver alone, lambda, iterations.
SIGPY = """
import sys, time
import numpy as np
from sigpy.mri.app import L1WaveletRecon
given, output, seconds, weight, iterations = sys.argv[1:]
with np.load(given) as file:
    kspace, maps = file["kspace"], file["maps"]
start = time.perf_counter()
app = L1WaveletRecon(kspace, maps, float(weight), wave_name="db4", max_iter=int(iterations), show_pbar=False)
image = app.run()
with open(seconds, "w") as file:
    file.write(repr(time.perf_counter() - start))
np.save(output, image)
"""
#: Of BART and SigPy.
ITERATIONS = 100
#: Ends the name of a row that is the solver alone, without starting the program, reading and writing.
SOLVER = ", solver alone"


class Scan:
    """A simulated scan, undersampled, in the formats of all programs."""

    def __init__(self, folder: Path, pvdamp: str, size: str, coils: int, slices: int = 1, accel: float = 5):
        folder.mkdir(parents=True)
        self.folder = folder
        full, mask = folder / "full.h5", folder / "mask.h5"
        many = ["--coils", str(coils), "--slices", str(slices)]
        run([pvdamp, "-q", "simulate", "--size", size, *many, "--seed", "1", "-o", str(full)])
        run([pvdamp, "-q", "mask", "--size", size, "--accel", str(accel), "--seed", "1", "-o", str(mask)])
        with h5py.File(full) as file, h5py.File(mask) as drawn:
            sampled, probability = drawn["mask"][...], drawn["prob_map"][...]
            kspace, maps = file["kspace"][...] * sampled, file["sensitivity_maps"][0]
            self.truth = np.abs(file["ground_truth"][0])
        full.unlink()
        with h5py.File(folder / "given.h5", "w") as file:
            file["kspace"], file["maps"], file["mask"], file["prob_map"] = kspace, maps, sampled, probability
        with h5py.File(folder / "alone.h5", "w") as file:
            file["kspace"] = kspace
        write_cfl(folder / "kspace", kspace[0].transpose(1, 2, 0)[:, :, np.newaxis, :])
        write_cfl(folder / "maps", maps.transpose(1, 2, 0)[:, :, np.newaxis, :])
        self.scale = np.float32(intensity(kspace[0]))
        np.savez(folder / "given.npz", kspace=kspace[0] / self.scale, maps=maps)
        (folder / "solve.py").write_text(SIGPY, encoding="utf-8")

    def at(self, name: str) -> str:
        return str(self.folder / name)


@dataclass(frozen=True)
class Contender:
    """A way to an image, or to maps."""

    name: str
    #: Processes that run one after the other, for a number of threads.
    processes: Callable[[Scan, int], list[list[str]]]
    #: Where the image lies afterwards; `None` for maps alone.
    image: Callable[[Scan], Complex] | None
    #: Of the environment, for a number of threads.
    environment: Callable[[Scan, int], dict[str, str]] = field(default=lambda scan, threads: {})
    #: What the solver alone took in the run before [s], where the program tells; a row of its own.
    alone: Callable[[Scan], float] | None = None

    def run(self, scan: Scan, threads: int) -> Taken:
        environment = {**numbers_of_threads(threads), **self.environment(scan, threads)}
        taken = [measure(words, environment) for words in self.processes(scan, threads)]
        total = taken[0]
        for more in taken[1:]:
            total = total.then(more)
        return total


def numbers_of_threads(threads: int) -> dict[str, str]:
    """What `with_threads` sets."""
    return {name: value for name, value in with_threads(threads).items() if name.endswith(("_THREADS", "WAIT_POLICY"))}


def recon(pvdamp: str, method: str, given: bool) -> Contender:
    def processes(scan: Scan, threads: int) -> list[list[str]]:
        source = ["given.h5", "--maps", scan.at("given.h5") + ":maps"] if given else ["alone.h5"]
        words = [pvdamp, "-q", "recon", scan.at(source[0]), *source[1:], "--method", method]
        return [[*words, "--threads", str(threads), "-o", scan.at("image.h5")]]

    return Contender(f"`pvdamp recon --method {method}`", processes, pvdamp_image)


def pvdamp_image(scan: Scan) -> Complex:
    with h5py.File(scan.at("image.h5")) as file:
        return file["image"][0]


def pvdamp_maps(pvdamp: str) -> Contender:
    def processes(scan: Scan, threads: int) -> list[list[str]]:
        words = [pvdamp, "-q", "maps", scan.at("alone.h5"), "--map-sets", "1"]
        return [[*words, "--threads", str(threads), "-o", scan.at("made.h5")]]

    return Contender("`pvdamp maps`", processes, None)


def bart_pics(maps: str) -> list[str]:
    return ["bart", "pics", "-l1", "-r", "0.01", "-i", str(ITERATIONS), "-S", "-d0", "kspace", maps, "image"]


BART_ECALIB = ["bart", "ecalib", "-m1", "-r24", "-k6", "kspace", "made"]


def bart(name: str, calls: list[list[str]], wisdom: Path | None, image: bool) -> Contender:
    """Calls of BART, whose files are named by words of `FILES`; with stored plans where there is a library for them."""

    def processes(scan: Scan, threads: int) -> list[list[str]]:
        return [[scan.at(word) if word in FILES else word for word in call] for call in calls]

    def environment(scan: Scan, threads: int) -> dict[str, str]:
        return stored_plans(wisdom, scan.folder, threads) if wisdom else {}

    name = f"{name}, stored plans" if wisdom else name
    return Contender(name, processes, bart_image if image else None, environment)


#: Words of the calls of BART that are files.
FILES = ("kspace", "maps", "made", "image")


def bart_image(scan: Scan) -> Complex:
    return read_cfl(scan.folder / "image").reshape(scan.truth.shape)


def stored_plans(wisdom: Path, folder: Path, threads: int) -> dict[str, str]:
    """With what BART finds FFTW's plans of the run before."""
    if wisdom.suffix == ".so":
        return {"LD_PRELOAD": str(wisdom), "FFTW_WISDOM": str(folder / f"wisdom-{threads}")}
    plans = folder / f"plans-{threads}"
    (plans / "save/fftw").mkdir(parents=True, exist_ok=True)
    return {"BART_USE_FFTW_WISDOM": "1", "BART_TOOLBOX_PATH": str(plans), "TOOLBOX_PATH": str(plans)}


def wisdom_library(folder: Path) -> Path | None:
    """What makes BART keep plans: itself, where it can; or a library that is loaded into it; or nothing."""
    program = Path(shutil.which("bart") or "").resolve()
    if b"BART_USE_FFTW_WISDOM" in program.read_bytes():
        return program
    library = folder / "wisdom.so"
    words = ["cc", "-shared", "-fPIC", "-o", str(library), str(Path(__file__).with_name("wisdom.c"))]
    try:
        run([*words, "-Wl,--no-as-needed", "-l:libfftw3f_threads.so.3", "-l:libfftw3f.so.3"])
    except (Failure, FileNotFoundError) as e:
        print(f"bart with stored plans: left out: {e}")
        return None
    return library


def sigpy() -> Contender:
    def processes(scan: Scan, threads: int) -> list[list[str]]:
        files = [scan.at(name) for name in ("solve.py", "given.npz", "image.npy", "seconds")]
        return [[sys.executable, *files, "0.009", str(ITERATIONS)]]

    def image(scan: Scan) -> Complex:
        return np.load(scan.at("image.npy")) * scan.scale

    def alone(scan: Scan) -> float:
        return float((scan.folder / "seconds").read_text(encoding="ascii"))

    return Contender("SigPy L1WaveletRecon", processes, image, alone=alone)


def tables(programs: list[str], pvdamp: str, wisdom: Path | None) -> dict[str, list[Contender]]:
    """What is compared in each table; the first is what the others are held to."""
    given = [recon(pvdamp, "pvdamp", True), recon(pvdamp, "howl", True)]
    made = [recon(pvdamp, "pvdamp", False), recon(pvdamp, "howl", False)]
    maps = [pvdamp_maps(pvdamp)]
    if "bart" in programs:
        for library in [None, wisdom] if wisdom else [None]:
            given.append(bart("`bart pics`", [bart_pics("maps")], library, True))
            made.append(bart("`bart ecalib`, `bart pics`", [BART_ECALIB, bart_pics("made")], library, True))
            maps.append(bart("`bart ecalib`", [BART_ECALIB], library, False))
    if "sigpy" in programs:
        given.append(sigpy())
    return {"maps given": given, "maps made from the scan": made, "maps alone": maps}


def compare(scan: Scan, contenders: list[Contender], threads: list[int], rounds: int) -> None:
    """Rounds of all contenders; prints the table."""
    taken: dict[tuple[str, int], list[Taken]] = {}
    errors: dict[str, float] = {}
    # A round that does not count: files are read into memory, plans are stored, kernels compiled.
    for count in range(rounds + 1):
        for contender in contenders:
            for number in threads:
                found = contender.run(scan, number)
                if count == 0:
                    continue
                taken.setdefault((contender.name, number), []).append(found)
                if contender.alone:
                    alone = Taken(contender.alone(scan), found.peak)
                    taken.setdefault((contender.name + SOLVER, number), []).append(alone)
            if contender.image and contender.name not in errors:
                errors[contender.name] = nmse_magnitude(contender.image(scan), scan.truth)
    names = list(dict.fromkeys(name for name, _ in taken))
    fastest = {name: min((median(taken[name, n]).seconds, n) for n in threads) for name in names}
    least = fastest[contenders[0].name][0]
    heads = [f"{n} thread{'s' if n > 1 else ''} [s]" for n in threads]
    columns = ["", *heads, "best, from least to most [s]", "over the first", "peak [MB]"]
    columns += ["NMSE [dB]"] if errors else []
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for name in names:
        seconds, number = fastest[name]
        peaks = [median(taken[name, n]).peak / 1e6 for n in threads]
        cells = [name, *(digits(median(taken[name, n]).seconds) for n in threads)]
        cells += [spread(taken[name, number]), f"{seconds / least:.1f}", " / ".join(f"{peak:.0f}" for peak in peaks)]
        cells += [f"{errors[name]:.2f}" if name in errors else ""] if errors else []
        print(f"| {' | '.join(cells)} |")
    print(flush=True)


def case(word: str) -> tuple[str, int]:
    """`256x256x8`: size and coils."""
    numbers = word.split("x")
    if len(numbers) != 3 or not all(number.isdigit() for number in numbers):
        raise argparse.ArgumentTypeError(f"'{word}' is not ROWSxCOLSxCOILS")
    if any(int(number) % 2 for number in numbers[:2]):
        raise argparse.ArgumentTypeError(f"{word}: sizes must be even; `pics` shifts images of odd size")
    return "x".join(numbers[:2]), int(numbers[2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pvdamp", default="target/release/pvdamp")
    listed = lambda one: lambda text: [one(word) for word in text.split(",")]
    parser.add_argument("--cases", type=listed(case), default="256x256x8,640x368x15,512x512x16")
    parser.add_argument("--threads", type=listed(int), default="1,2")
    parser.add_argument("--programs", type=listed(str), default="bart,sigpy")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    programs = arguments.programs
    if "bart" in programs and not shutil.which("bart"):
        print("bart: not found on the PATH: left out; apt-get install bart")
        programs.remove("bart")
    with tempfile.TemporaryDirectory(prefix="pvdamp-whole-") as name:
        folder = Path(name)
        wisdom = wisdom_library(folder) if "bart" in programs else None
        for size, coils in arguments.cases:
            scan = Scan(folder / f"{size}x{coils}", arguments.pvdamp, size, coils)
            for title, contenders in tables(programs, arguments.pvdamp, wisdom).items():
                print(f"### {size}, {coils} coils, {title}\n")
                compare(scan, contenders, arguments.threads, arguments.rounds)


if __name__ == "__main__":
    try:
        main()
    except Failure as e:
        sys.exit(f"whole.py: {e}")
    except KeyboardInterrupt:
        sys.exit(130)
