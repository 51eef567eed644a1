"""The cases of a bench: what is undersampled, how, and what the truth is.

Arrays follow docs/conventions.md: the Fourier transform is centred and unitary, images have the units of the k-space.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complex64]

#: Side of the calibration region at most, as in BART's estimate of the scale.
CALIBRATION = 32


class Failure(Exception):
    """One sentence for the user."""


@dataclass(frozen=True)
class Case:
    """One slice, undersampled in one way."""

    id: str
    #: Cases that differ by the seed of the mask alone share this.
    group: str
    #: `(coils, rows, cols)`, zero outside the mask.
    kspace: Complex
    #: `(coils, rows, cols)`.
    maps: Complex
    #: `(rows, cols)`.
    mask: NDArray[np.bool_]
    #: `(rows, cols)`.
    probability: NDArray[np.float64]
    #: `(rows, cols)`: coil images of the fully sampled k-space, combined with the maps.
    reference: Complex
    #: Words after `pvdamp recon SCAN` that make it again.
    arguments: str


def to_image(kspace: NDArray[Any]) -> Complex:
    """Inverse transform of the last two axes, centred and unitary."""
    axes = (-2, -1)
    image = np.fft.ifft2(np.fft.ifftshift(kspace, axes=axes), norm="ortho")
    return np.fft.fftshift(image, axes=axes).astype(np.complex64)


def combine(kspace: NDArray[Any], maps: NDArray[Any]) -> Complex:
    """Coil images of `kspace` weighted by the conjugate maps: `sum_c conj(S_c) F^H y_c`."""
    return np.sum(np.conj(maps) * to_image(kspace), axis=0).astype(np.complex64)


def nmse_object(image: NDArray[Any], reference: NDArray[Any]) -> float:
    """NMSE in dB where `|x0| > max|x0| / 20`, after one phase factor that makes it least."""
    inside = np.abs(reference) > np.abs(reference).max() / 20
    x, x0 = image[inside].astype(np.complex128), reference[inside].astype(np.complex128)
    inner = np.vdot(x, x0)
    phase = inner / abs(inner) if abs(inner) > 0 else 1.0
    return float(10 * np.log10(np.sum(np.abs(x * phase - x0) ** 2) / np.sum(np.abs(x0) ** 2)))


def nmse_magnitude(image: NDArray[Any], truth: NDArray[Any]) -> float:
    """NMSE of the magnitude [dB], after the factor that fits it best."""
    image, truth = np.abs(image), np.abs(truth)
    image = image * (np.vdot(image, truth) / np.vdot(image, image))
    return float(10 * np.log10(np.sum((image - truth) ** 2) / np.sum(truth**2)))


def calibration_block(sampled: NDArray[np.bool_]) -> tuple[int, int]:
    """Rows and columns of the largest centred block that is sampled, at most `CALIBRATION`, as BART grows it."""
    size, stopped = [1, 1], [False, False]
    while not all(stopped):
        for axis in (0, 1):
            if stopped[axis] or size[axis] >= min(CALIBRATION, sampled.shape[axis]):
                stopped[axis] = True
                continue
            size[axis] += 1
            corner = [(n - s) // 2 for n, s in zip(sampled.shape, size)]
            if not sampled[corner[0] : corner[0] + size[0], corner[1] : corner[1] + size[1]].all():
                size[axis] -= 1
                stopped[axis] = True
    return size[0], size[1]


def intensity(kspace: NDArray[Any]) -> float:
    """Intensity of the image, which λ is relative to, by the rule of BART's `pics`.

    The 90th percentile, or the maximum where the distribution has a long tail, of the root sum of squares image of
    the calibration region; the region may move along the rows to where its energy is largest.
    """
    _, rows, cols = kspace.shape
    height, width = calibration_block(np.any(kspace != 0, axis=0))
    left = (cols - width) // 2
    energy = np.sum(np.abs(kspace[:, :, left : left + width]).astype(np.float64) ** 2, axis=(0, 2))
    top = int(np.argmax(np.convolve(energy, np.ones(height), mode="valid")))
    block = kspace[:, top : top + height, left : left + width]
    values = np.sort(np.sqrt(np.sum(np.abs(to_image(block)).astype(np.float64) ** 2, axis=0)), axis=None)
    values *= np.sqrt(height * width / (rows * cols))
    median, high, largest = values[values.size // 2], values[int(values.size * 0.9)], values[-1]
    return float(high if largest - high < 2 * (high - median) else largest)


def option(arguments: list[str], name: str) -> str | None:
    """Value of an option among words of a command line: `--name value` or `--name=value`."""
    for i, word in enumerate(arguments):
        if word == name and i + 1 < len(arguments):
            return arguments[i + 1]
        if word.startswith(name + "="):
            return word[len(name) + 1 :]
    return None


def read_kspace(scan: Path, dataset: str, slice_: int) -> Complex:
    """k-space of a slice, `(coils, rows, cols)`, of a dataset of two to four axes."""
    with h5py.File(scan, "r") as file:
        if dataset not in file:
            raise Failure(f"{scan}: there is no dataset '{dataset}'")
        data = file[dataset]
        plane = data[slice_] if data.ndim > 2 else data[...]
    if plane.dtype.names:
        real, imaginary = plane.dtype.names
        plane = plane[real] + 1j * plane[imaginary]
    if plane.ndim == 2:
        plane = plane[np.newaxis]
    return plane.astype(np.complex64)


def read_bench(folder: Path) -> list[dict[str, Any]]:
    """The cases in `results.json` that have a reference."""
    path = folder / "results.json"
    try:
        cases = json.loads(path.read_text(encoding="utf-8"))["cases"]
        return [case for case in cases if case["reference"]]
    except FileNotFoundError:
        raise Failure(f"{path}: there is no such file; run `pvdamp bench … -o {folder}` first") from None
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise Failure(f"{path}: not the results of `pvdamp bench` ({type(e).__name__}: {e})") from None


def prepare(record: dict[str, Any], pvdamp: str, scratch: Path) -> Case:
    """Mask and maps of a case, from `pvdamp recon` with the case's own arguments, and its k-space."""
    scan, slice_, arguments = Path(record["scan"]), int(record["slice"]), list(record["arguments"])
    if not scan.is_file():
        raise Failure(f"{scan}: there is no such file; start in the folder in which the bench was run")
    output = scratch / "prepared.h5"
    words = [pvdamp, "recon", str(scan), *arguments, "--method", "zero-filled", "--save-maps", "-q", "-o", str(output)]
    run(words)
    with h5py.File(output, "r") as file:
        mask, probability, maps = file["mask"][...], file["prob_map"][...], file["maps"][slice_]
    output.unlink()
    if maps.shape[0] != 1:
        raise Failure(f"{record['id']}: {maps.shape[0]} sets of maps; only one set is compared")
    full = read_kspace(scan, option(arguments, "--kspace") or "kspace", slice_)
    return Case(
        id=record["id"],
        group=record["group"],
        kspace=full * mask,
        maps=maps[0],
        mask=mask,
        probability=probability,
        reference=combine(full, maps[0]),
        arguments=" ".join(arguments),
    )


def run(words: list[str], environment: dict[str, str] | None = None) -> str:
    """Runs a program that must succeed; what it printed."""
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
        raise Failure(f"{' '.join(words[:2])} failed: {said[-1]}")
    return done.stdout
