"""The programs that are compared: how each is called, with one λ and a number of threads.

λ is relative to the intensity of the image (`cases.intensity`) for all of them: BART divides the k-space by it
itself, for SigPy it is done here. Images come back in the units of the k-space.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import h5py
import numpy as np

from cases import Case, Complex, Failure, intensity, run

#: Axes of a BART file.
BART_AXES = 16


@dataclass(frozen=True)
class Solved:
    """An image, and what it took."""

    image: Complex
    #: The whole process, from file to file [seconds].
    process: float
    #: Without starting the program, reading and writing, where the program lets that be timed [seconds].
    solve: float | None


class Program(Protocol):
    """A program with an l1-wavelet reconstruction."""

    name: str
    #: For tables: `BART pics`.
    title: str
    #: λ that its documentation uses, and what to call it.
    customary: float
    #: Iterations where nothing else is asked for: its own default.
    iterations: int
    #: What `seconds` of a result is.
    timed: str

    def missing(self) -> str | None:
        """Why it cannot be used; a sentence with the mend."""

    def version(self) -> str:
        """`BART v0.8.00`."""

    def solve(self, case: Case, lambdas: list[float], iterations: int, threads: int, scratch: Path) -> list[Solved]:
        """The image for each λ."""


def write_cfl(path: Path, array: Complex) -> None:
    """Writes `path`.cfl and `path`.hdr, the first axis running fastest."""
    shape = [*array.shape, *[1] * (BART_AXES - array.ndim)]
    path.with_suffix(".hdr").write_text(f"# Dimensions\n{' '.join(map(str, shape))}\n", encoding="ascii")
    array.astype(np.complex64).ravel(order="F").tofile(path.with_suffix(".cfl"))


def read_cfl(path: Path) -> Complex:
    """Reads what `write_cfl` writes."""
    shape = [int(word) for word in path.with_suffix(".hdr").read_text(encoding="ascii").splitlines()[1].split()]
    return np.fromfile(path.with_suffix(".cfl"), np.complex64).reshape(shape, order="F")


def with_threads(threads: int) -> dict[str, str]:
    """The environment in which numerical libraries use so many threads.

    Threads of OpenMP that wait give the processor away: where they spin, BART gains nothing from a second one as soon
    as another program runs.
    """
    names = ("OMP", "OPENBLAS", "MKL", "NUMBA", "NUMEXPR")
    return {**os.environ, "OMP_WAIT_POLICY": "passive", **{f"{name}_NUM_THREADS": str(threads) for name in names}}


class Bart:
    """BART, `pics`: FISTA with wavelets of a compiled default, shifted at random in each iteration."""

    name = "bart"
    title = "BART pics"
    customary = 0.01
    iterations = 30
    timed = "whole process, file to file"

    def missing(self) -> str | None:
        found = shutil.which("bart")
        return None if found else "bart: not found on the PATH: left out; apt-get install bart"

    def version(self) -> str:
        return f"BART {run(['bart', 'version']).strip()}"

    def solve(self, case: Case, lambdas: list[float], iterations: int, threads: int, scratch: Path) -> list[Solved]:
        files = {name: scratch / f"bart-{name}" for name in ("kspace", "maps", "image")}
        # Along an axis of odd length the image of `pics` lies one pixel further on (`fft -u` of BART does not).
        rows, cols = (n % 2 for n in case.mask.shape)
        maps = np.roll(case.maps, (rows, cols), (1, 2))
        # BART's axes: readout, two phase encodes, coils.
        write_cfl(files["kspace"], case.kspace.transpose(1, 2, 0)[:, :, np.newaxis, :])
        write_cfl(files["maps"], maps.transpose(1, 2, 0)[:, :, np.newaxis, :])
        solved = []
        for lambda_ in lambdas:
            # -S takes the division by the intensity back.
            options = ["-l1", "-r", f"{lambda_:.9g}", "-i", str(iterations), "-S", "-d0"]
            words = ["bart", "pics", *options, *map(str, files.values())]
            start = time.perf_counter()
            run(words, with_threads(threads))
            seconds = time.perf_counter() - start
            image = read_cfl(files["image"]).reshape(case.mask.shape)
            solved.append(Solved(np.roll(image, (-rows, -cols), (0, 1)), seconds, None))
        return solved


class SigPy:
    """SigPy, `mri.app.L1WaveletRecon`: FISTA with db4, in a Python of its own."""

    name = "sigpy"
    title = "SigPy L1WaveletRecon"
    # The tutorial's 0.005, for its scan of intensity 0.554.
    customary = 0.009
    iterations = 100
    timed = "solve alone, data in memory"

    def missing(self) -> str | None:
        found = importlib.util.find_spec("sigpy")
        return None if found else f"sigpy: not found by {sys.executable}: left out; pip install sigpy"

    def version(self) -> str:
        return f"SigPy {importlib.metadata.version('sigpy')}"

    def solve(self, case: Case, lambdas: list[float], iterations: int, threads: int, scratch: Path) -> list[Solved]:
        given, output = scratch / "sigpy-given.npz", scratch / "sigpy-images.npz"
        scale = intensity(case.kspace)
        if scale == 0:
            raise Failure(f"{case.id}: the centre of the k-space is zero")
        np.savez(given, kspace=(case.kspace / np.float32(scale)), maps=case.maps)
        script = Path(__file__).with_name("sigpy_solve.py")
        words = [sys.executable, str(script), str(given), str(output), str(iterations), *map(repr, lambdas)]
        start = time.perf_counter()
        run(words, with_threads(threads))
        seconds = time.perf_counter() - start
        with np.load(output) as done:
            images, solve = done["images"] * np.float32(scale), done["seconds"]
        return [Solved(image, seconds / len(lambdas), float(s)) for image, s in zip(images, solve)]


class Pvdamp:
    """This program, for the times alone; its figures are those of the bench."""

    name = "pvdamp"
    timed = "whole process, file to file"

    def __init__(self, path: str):
        self.path = path

    def version(self) -> str:
        return run([self.path, "--version"]).strip()

    def solve(self, case: Case, threads: int, scratch: Path) -> Solved:
        """Mask, probability and maps are given, as the maps are to the others."""
        given, output = scratch / "pvdamp-given.h5", scratch / "pvdamp-output.h5"
        with h5py.File(given, "w") as file:
            file["kspace"] = case.kspace[np.newaxis]
            file["mask"], file["prob_map"], file["maps"] = case.mask, case.probability, case.maps
        words = [self.path, "recon", str(given), "--maps", f"{given}:maps", "-q"]
        words += ["--threads", str(threads), "-o", str(output)]
        start = time.perf_counter()
        run(words)
        seconds = time.perf_counter() - start
        with h5py.File(output, "r") as file:
            return Solved(file["image"][0], seconds, None)


PROGRAMS: tuple[Program, ...] = (Bart(), SigPy())
