# %% [markdown]
# # Beside SigPy and BART, on your own data
#
# `python compare.py scan.h5` compares on the middle slice of a fully sampled scan; without a file, on a simulated one.
# SigPy's `L1WaveletRecon` and BART's `pics` need a regularisation weight: several are tried, and the best of them,
# which only who knows the truth can pick, is shown. What is not installed is left out.

# %%
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import pvdamp

WEIGHTS = (0.001, 0.003, 0.01)

# %% [markdown]
# ## The same data for all
#
# One mask, and one set of coil sensitivity maps, from the undersampled k-space.

# %%
files = [argument for argument in sys.argv[1:] if Path(argument).is_file()]
if files:
    scan = pvdamp.open(files[0])
    full = scan[len(scan) // 2]
    clean, against = full, "the full scan"
else:
    full, image, true_maps = pvdamp.simulate((128, 128), coils=6, noise=0.01, seed=3)
    clean, against = pvdamp.Encoding(true_maps).forward(image), "the truth"
mask, prob = pvdamp.sampling.poisson_disc(full.shape[1:], 6, seed=1)
kspace = full * mask
maps = pvdamp.espirit(kspace, mask)
target = pvdamp.Encoding(maps).adjoint(clean)
# one scale, so that a weight means the same for every scan
scale = np.abs(pvdamp.Encoding(maps, mask).adjoint(kspace)).max()
print(f"{full.shape}, R = {mask.size / mask.sum():.2f}, against {against}")

# %%
rows = []


def add(name, image, seconds):
    """A row of the table: error and time."""
    error = 10 * np.log10(pvdamp.metrics.complex_nmse(target, image))
    rows.append((name, error, pvdamp.metrics.ssim(target, image), seconds))


for method in ("pvdamp", "howl"):
    start = time.perf_counter()
    found = pvdamp.reconstruct(kspace, mask, prob=prob, maps=maps, method=method)
    add(f"pvdamp, method {method}", found.image, time.perf_counter() - start)

# %% [markdown]
# ## SigPy

# %%
try:
    import sigpy.mri
except ImportError:
    print("SigPy is not installed: left out")
else:
    for weight in WEIGHTS:
        app = sigpy.mri.app.L1WaveletRecon(kspace / scale, maps, weight, max_iter=100, show_pbar=False)
        start = time.perf_counter()
        image = app.run() * scale
        add(f"SigPy, weight {weight}", image, time.perf_counter() - start)

# %% [markdown]
# ## BART
#
# BART keeps rows, columns, slices and coils in that order, fastest first.

# %%
if shutil.which("bart") is None:
    print("BART is not on the PATH: left out")
else:
    folder = Path(tempfile.mkdtemp())

    def to_bart(name, array):
        """An array (coils, rows, cols) as BART's files."""
        coils, rows_, cols = array.shape
        (folder / f"{name}.hdr").write_text(f"# Dimensions\n{rows_} {cols} 1 {coils}\n")
        array.transpose(1, 2, 0).astype(np.complex64).ravel("F").tofile(folder / f"{name}.cfl")

    to_bart("kspace", kspace)
    to_bart("maps", maps)
    for weight in WEIGHTS:
        start = time.perf_counter()
        command = ["bart", "pics", "-S", "-R", f"W:3:0:{weight}", "kspace", "maps", "image"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        image = np.fromfile(folder / "image.cfl", np.complex64).reshape(full.shape[1:], order="F")
        add(f"BART, weight {weight}", image, seconds)

# %%
print(f"{'':26} {'NMSE [dB]':>10} {'SSIM':>7} {'time [s]':>9}")
for name, error, ssim, seconds in rows:
    print(f"{name:26} {error:10.2f} {ssim:7.3f} {seconds:9.2f}")

# %% [markdown]
# NMSE against a full scan counts that scan's noise as detail. A weight that is best here is not best for the next scan.
# `pvdamp bench` makes this comparison over scans, masks and seeds, with a report (`docs/benchmark.md`).
