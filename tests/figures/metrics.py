"""Reference figures for src/quality, by scikit-image, sewar, NumPy and SciPy: python3 tests/figures/metrics.py

The inputs are integers over a power of two, so that the Rust tests rebuild them without rounding.
Real metrics follow fastMRI's evaluate.py (volume of slices, data range = maximum of the target volume).
"""

import json
import pathlib

import numpy as np
from scipy.ndimage import correlate
from sewar.full_ref import vifp
from skimage.metrics import peak_signal_noise_ratio, structural_similarity


def hashed(s, r, c, salt):
    mixed = (s * 1299709 + r * 7919 + c * 104729 + salt * 15485863) * 2654435761 % 2**32
    return (mixed >> 8) ^ (mixed >> 20)


def triangle(i, period):
    return np.abs(i % period - period // 2)


def target_and_image(slices, rows, cols):
    s, r, c = np.ogrid[:slices, :rows, :cols]
    smooth = 16 * triangle(3 * r + 2 * c + 11 * s, 97) + 8 * triangle(r * r + 5 * c, 61)
    inside = (2 * r - rows) ** 2 * cols**2 + (2 * c - cols) ** 2 * rows**2 < rows**2 * cols**2
    target = np.where(inside, smooth + hashed(s, r, c, 1) % 64, 0)
    image = np.abs(target + triangle(5 * r + 7 * c, 41) - 10 + hashed(s, r, c, 2) % 128 - 64)
    return target / 1024, image / 1024


def complex_pair(rows, cols):
    (re, im), (noise_re, noise_im) = target_and_image(2, rows, cols), target_and_image(2, rows, cols + 1)
    target = re[0] + 1j * im[0]
    error = (noise_im[0, :, :cols] - 1j * noise_re[1, :, :cols]) / 8
    return target, (target + error) * (0.5 + 0.75j)


def laplacian_of_gaussian(size=15, sigma=1.5):
    """MATLAB's fspecial('log', 15, 1.5), from its documented definition."""
    x, y = np.mgrid[:size, :size] - size // 2
    gauss = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    kernel = gauss / gauss.sum() * (x**2 + y**2 - 2 * sigma**2) / sigma**4
    return kernel - kernel.mean()


def filtered(x):
    return sum(unit * correlate(part, laplacian_of_gaussian(), mode="constant") for unit, part in ((1, x.real), (1j, x.imag)))


def energy(x):
    return float(np.sum(np.abs(x) ** 2))


def real_figures(slices, rows, cols):
    target, image = target_and_image(slices, rows, cols)
    top = target.max()
    ssim = [structural_similarity(t, i, data_range=top) for t, i in zip(target, image)] if min(rows, cols) >= 7 else None
    return {
        "size": [slices, rows, cols],
        "nmse": float(np.linalg.norm(target - image) ** 2 / np.linalg.norm(target) ** 2),
        "psnr": float(peak_signal_noise_ratio(target, image, data_range=top)),
        "ssim": ssim and float(np.mean(ssim)),
        "data_range": float(top),
    }


def complex_figures(rows, cols):
    x0, x = complex_pair(rows, cols)
    mask = np.abs(x0) > np.abs(x0).max() / 20

    def aligned_nmse(weight):
        a, b = x0 * weight, x * weight
        inner = np.vdot(b, a)
        return energy(b * inner / abs(inner) - a) / energy(a)

    inner = np.vdot(x, x0)
    error = filtered(x * inner / abs(inner) - x0)
    return {
        "size": [rows, cols],
        "phase": float(np.angle(inner)),
        "object": int(mask.sum()),
        "nmse": aligned_nmse(1),
        "masked_nmse": aligned_nmse(mask),
        "hfen": float(10 * np.log10(energy(error) / energy(filtered(x0)))),
    }


def calgary_figures(slices, rows, cols):
    """As the multi-channel challenge evaluates: each slice over the maximum of its target, data range of both images."""
    found = []
    for target, image in zip(*target_and_image(slices, rows, cols)):
        target, image = target / target.max(), image / target.max()
        top = max(target.max(), image.max()) - min(target.min(), image.min())
        found.append([
            peak_signal_noise_ratio(target, image, data_range=top),
            structural_similarity(target, image, data_range=top),
            vifp(target, image, sigma_nsq=0.4) if min(rows, cols) >= 41 else np.nan,
        ])
    psnr, ssim, vif = np.mean(found, axis=0)
    return {"size": [slices, rows, cols], "psnr": float(psnr), "ssim": float(ssim), "vif": None if np.isnan(vif) else float(vif)}


figures = {
    "real": [real_figures(*size) for size in [(1, 7, 7), (1, 16, 16), (2, 9, 31), (3, 33, 40), (4, 101, 77), (1, 6, 20)]],
    "calgary": [calgary_figures(*size) for size in [(1, 41, 41), (3, 64, 50), (2, 101, 77), (1, 20, 60)]],
    "complex": [complex_figures(*size) for size in [(5, 9), (16, 16), (33, 20), (75, 101)]],
}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")
