"""Reconstructs with SigPy: python sigpy_solve.py GIVEN.npz OUTPUT.npz ITERATIONS LAMBDA…

GIVEN holds `kspace` and `maps`, `(coils, rows, cols)`. OUTPUT gets `images`, one for each λ, and `seconds`, the time
that `L1WaveletRecon` took for it with data in memory, its own estimate of the step included. The compilation of
SigPy's kernels is not: it happens in a run of one iteration before.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from sigpy.mri.app import L1WaveletRecon


def main() -> None:
    given, output, iterations, *lambdas = sys.argv[1:]
    with np.load(given) as file:
        kspace, maps = file["kspace"], file["maps"]

    def solve(lambda_: float, count: int) -> np.ndarray:
        return L1WaveletRecon(kspace, maps, lambda_, wave_name="db4", max_iter=count, show_pbar=False).run()

    solve(float(lambdas[0]), 1)
    images, seconds = [], []
    for lambda_ in lambdas:
        start = time.perf_counter()
        image = solve(float(lambda_), int(iterations))
        seconds.append(time.perf_counter() - start)
        images.append(image.astype(np.complex64))
    np.savez(output, images=np.stack(images), seconds=np.array(seconds))


if __name__ == "__main__":
    main()
