"""Times the Python package: a call beside the engine's own time, and beside SigPy, in one run.

    python benches/python.py [REPEATS]

All methods take turns, so that a slow minute of the machine strikes them alike. Nothing else should run meanwhile.
"""

import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import pvdamp

SHAPE, COILS, ACCELERATION = (256, 256), 8, 8
WEIGHTS = (0.001, 0.003, 0.01)
FRESH = 10


def machine():
    """The processor, as a table of times names it."""
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    names = [line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name")]
    vectors = "AVX-512" if "avx512f" in text else "AVX2" if "avx2" in text else "no AVX2"
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} processors, {vectors}"


def spread(seconds):
    """Median, least and most, in ms."""
    least, most = min(seconds), max(seconds)
    return f"{1e3 * statistics.median(seconds):8.1f} ({1e3 * least:.1f} to {1e3 * most:.1f})"


def fresh(*command):
    """Seconds of fresh processes."""
    taken = []
    for _ in range(FRESH):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        taken.append(time.perf_counter() - start)
    return taken


def imports():
    """Seconds that `import pvdamp` takes in fresh processes."""
    code = "import time; s = time.perf_counter(); import pvdamp; print(time.perf_counter() - s)"
    runs = [subprocess.run([sys.executable, "-c", code], check=True, capture_output=True) for _ in range(FRESH)]
    return [float(run.stdout) for run in runs]


def contenders(kspace, mask, prob, maps):
    """Names, and functions that give an image, and the engine's own seconds where it tells."""

    def ours(method):
        def call():
            found = pvdamp.reconstruct(kspace, mask, prob=prob, maps=maps, method=method, keep_maps=False)
            return found.image, found.record["seconds"]

        return call

    found = {f"pvdamp, method {method}": ours(method) for method in ("pvdamp", "howl")}
    try:
        import sigpy.mri
    except ImportError:
        print("SigPy is not installed: left out")
        return found
    # a weight is in units of the image
    scale = np.abs(pvdamp.Encoding(maps, mask).adjoint(kspace)).max()

    def theirs(weight):
        def call():
            app = sigpy.mri.app.L1WaveletRecon(kspace / scale, maps, weight, max_iter=100, show_pbar=False)
            return app.run() * scale, None

        return call

    return found | {f"SigPy {sigpy.__version__}, 100 iterations, weight {weight}": theirs(weight) for weight in WEIGHTS}


def main(repeats):
    print(f"{machine()}; Python {platform.python_version()}, NumPy {np.__version__}, pvdamp {pvdamp.__version__}")
    library = Path(sys.modules["pvdamp._pvdamp"].__file__)
    print(f"module {library.stat().st_size / 1e6:.2f} MB; import {spread(imports())} ms; ", end="")
    print(f"pvdamp --version {spread(fresh(sys.executable, '-m', 'pvdamp', '--version'))} ms")
    scan = pvdamp.simulate(SHAPE, coils=COILS, noise=0.01, seed=1)
    mask, prob = pvdamp.sampling.poisson_disc(SHAPE, ACCELERATION, seed=1)
    calls = contenders(scan.kspace * mask, mask, prob, scan.maps)
    taken = {name: [] for name in calls}
    overhead = {name: [] for name in calls}
    images = {}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            images[name], own = call()
            seconds = time.perf_counter() - start
            # the first turn warms caches and pools
            if turn > 0:
                taken[name].append(seconds)
                overhead[name].append(seconds / own - 1 if own else np.nan)
    print(f"{COILS} coils, {SHAPE[0]}x{SHAPE[1]}, Poisson disc R = {mask.size / mask.sum():.2f}, maps given; ", end="")
    print(f"median of {repeats} (least to most)")
    first = statistics.median(next(iter(taken.values())))
    for name, seconds in taken.items():
        error = 10 * np.log10(pvdamp.metrics.complex_nmse(scan.image, images[name]))
        over = np.array(overhead[name])
        more = "" if np.isnan(over).any() else f"   over the engine's {100 * np.median(over):.1f} % "
        more += "" if np.isnan(over).any() else f"({100 * over.min():.1f} to {100 * over.max():.1f})"
        times = statistics.median(seconds) / first
        print(f"{name:42} {spread(seconds)} ms  x{times:5.2f}  NMSE {error:6.2f} dB{more}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
