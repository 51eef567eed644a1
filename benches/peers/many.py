"""Many undersampled scans by one `pvdamp batch`, and by a shell loop over each of the other programs.

Every program gets the same undersampled k-space on disk and nothing else: it makes its coil maps by ESPIRiT and then
its image, scan by scan, file to file. Programs take turns, round by round, so that a slow minute hits all of them.

    python benches/peers/many.py --scans 20 --rounds 3
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from cases import Complex, Failure, intensity, nmse_magnitude, run
from programs import read_cfl, with_threads, write_cfl

#: ESPIRiT and FISTA of SigPy on one scan: given.npz, image.npy, lambda, iterations.
SIGPY = """
import sys
import numpy as np
from sigpy.mri.app import EspiritCalib, L1WaveletRecon
given, output, weight, iterations = sys.argv[1:]
kspace = np.load(given)
maps = EspiritCalib(kspace, show_pbar=False).run()
app = L1WaveletRecon(kspace, maps, float(weight), wave_name="db4", max_iter=int(iterations), show_pbar=False)
np.save(output, app.run())
"""


class Scans:
    """Simulated scans of one slice, undersampled, in the formats of all programs."""

    def __init__(self, folder: Path, arguments: argparse.Namespace):
        self.folder, self.pvdamp = folder, arguments.pvdamp
        self.names = [f"scan{i:02}" for i in range(arguments.scans)]
        for kind in ("full", "under", "cfl", "npy", "images"):
            (folder / kind).mkdir()
        for i, name in enumerate(self.names):
            full, mask = folder / "full" / f"{name}.h5", folder / "mask.h5"
            size, coils = arguments.size, str(arguments.coils)
            run([self.pvdamp, "-q", "simulate", "--size", size, "--coils", coils, "--seed", str(i), "-o", str(full)])
            draw = ["--accel", str(arguments.accel), "--seed", str(i), "-o", str(mask)]
            run([self.pvdamp, "-q", "mask", "--size", size, *draw])
            with h5py.File(full) as file, h5py.File(mask) as drawn:
                kspace = file["kspace"][0] * drawn["mask"][...]
            with h5py.File(folder / "under" / f"{name}.h5", "w") as file:
                file["kspace"] = kspace[np.newaxis]
            write_cfl(folder / "cfl" / name, kspace.transpose(1, 2, 0)[:, :, np.newaxis, :])
            np.save(folder / "npy" / f"{name}.npy", kspace / np.float32(intensity(kspace)))

    def error(self, name: str, image: Complex) -> float:
        """NMSE of the magnitude against the truth [dB], scaled to fit it best."""
        with h5py.File(self.folder / "full" / f"{name}.h5") as file:
            return nmse_magnitude(image, file["ground_truth"][0])

    def pvdamp_batch(self, method: str, threads: int) -> None:
        output = self.folder / "images" / method
        shutil.rmtree(output, ignore_errors=True)
        words = [self.pvdamp, "-q", "batch", str(self.folder / "under"), "-o", str(output), "--method", method]
        run([*words, "--threads", str(threads)])

    def bart_loop(self, iterations: int, threads: int) -> None:
        lines = ["set -e"]
        for name in self.names:
            kspace, maps, image = (self.folder / kind / f"{name}{end}" for kind, end in FILES)
            lines.append(f"bart ecalib -m1 {kspace} {maps} >/dev/null")
            lines.append(f"bart pics -l1 -r 0.01 -i {iterations} -d0 {kspace} {maps} {image} >/dev/null")
        run(["sh", "-c", "\n".join(lines)], with_threads(threads))

    def sigpy_loop(self, iterations: int, threads: int) -> None:
        script = self.folder / "sigpy_one.py"
        script.write_text(SIGPY, encoding="utf-8")
        lines = ["set -e"]
        for name in self.names:
            given, output = self.folder / "npy" / f"{name}.npy", self.folder / "images" / f"{name}-sigpy.npy"
            lines.append(f"{sys.executable} {script} {given} {output} 0.009 {iterations}")
        run(["sh", "-c", "\n".join(lines)], with_threads(threads))

    def image(self, program: str, name: str) -> Complex:
        if program == "BART":
            return read_cfl(self.folder / "images" / f"{name}-bart").squeeze()
        if program == "SigPy":
            return np.load(self.folder / "images" / f"{name}-sigpy.npy")
        with h5py.File(self.folder / "images" / program.split()[-1] / f"{name}.h5") as file:
            return file["image"][0]


#: Folder and end of the name: k-space, maps and image of BART.
FILES = (("cfl", ""), ("cfl", "-maps"), ("images", "-bart"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pvdamp", default="target/release/pvdamp")
    parser.add_argument("--scans", type=int, default=20)
    parser.add_argument("--size", default="256x256")
    parser.add_argument("--coils", type=int, default=8)
    parser.add_argument("--accel", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--iterations", type=int, default=100, help="of BART and SigPy")
    arguments = parser.parse_args()
    threads, iterations = arguments.threads, arguments.iterations
    with tempfile.TemporaryDirectory() as folder:
        scans = Scans(Path(folder), arguments)
        programs = {
            "pvdamp batch, pvdamp": lambda: scans.pvdamp_batch("pvdamp", threads),
            "pvdamp batch, howl": lambda: scans.pvdamp_batch("howl", threads),
            "BART": lambda: scans.bart_loop(iterations, threads),
            "SigPy": lambda: scans.sigpy_loop(iterations, threads),
        }
        if not shutil.which("bart"):
            del programs["BART"]
        seconds: dict[str, list[float]] = {name: [] for name in programs}
        for _ in range(arguments.rounds):
            for name, work in programs.items():
                start = time.perf_counter()
                work()
                seconds[name].append((time.perf_counter() - start) / arguments.scans)
        first = seconds["pvdamp batch, pvdamp"]
        print(f"{arguments.scans} scans of {arguments.size}, {arguments.coils} coils; {threads} threads; seconds a scan")
        for name, taken in seconds.items():
            ratios = [a / b for a, b in zip(taken, first)]
            errors = [scans.error(scan, scans.image(name, scan)) for scan in scans.names]
            print(
                f"{name:22} {statistics.median(taken):7.3f} ({min(taken):.3f} to {max(taken):.3f}), "
                f"{statistics.median(ratios):6.1f} times ({min(ratios):.1f} to {max(ratios):.1f}), "
                f"NMSE {statistics.mean(errors):.2f} dB"
            )


if __name__ == "__main__":
    try:
        main()
    except Failure as e:
        sys.exit(f"many.py: {e}")
