"""From k-space to images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _arrays, _pvdamp
from ._options import given, map_options, number, seed_of, shift_of, threads_of, whole, whole_or_word, word
from ._progress import Line, Progress
from ._result import Reconstruction
from ._scan import ImageFile, Scan
from ._warning import warn

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray


def methods() -> dict[str, str]:
    """The methods of `reconstruct`, with a line on each.

    Examples
    --------
    >>> "howl" in methods()
    True
    """
    return {name: summary for name, _, summary in _pvdamp.methods()}


def reconstruct(
    kspace: Any,
    mask: Any = None,
    *,
    maps: Any = None,
    prob: Any = None,
    method: str = "auto",
    noise_covariance: Any = None,
    uncertainty: bool | int = False,
    slices: Iterable[int] | None = None,
    iterations: int | None = None,
    time_limit: float | None = None,
    wavelet: str | None = None,
    scales: int | None = None,
    damping: float | None = None,
    weight: float | str | None = None,
    shift: bool | int | None = None,
    whiten: bool = True,
    virtual_coils: int | str = "auto",
    map_sets: int | str = "auto",
    kernel: int | None = None,
    calibration: int = 24,
    crop: float | None = None,
    recalibrate: int | str | bool = "auto",
    keep_maps: bool | None = None,
    threads: int | None = None,
    progress: bool | Progress = False,
) -> Reconstruction:
    """Reconstruct images from undersampled k-space, with no regularisation weight to choose.

    What is not given is found out from k-space: the mask where it is not zero, the probability from the mask, coil
    sensitivity maps by ESPIRiT from the sampled centre, the noise from the quietest samples.

    Parameters
    ----------
    kspace
        ``(coils, rows, cols)`` or ``(slices, coils, rows, cols)``, complex, the origin of each axis of n samples at
        ``n // 2``, 0 where not sampled. Rows are the readout, or both axes phase encodes. An array of NumPy, a tensor
        of PyTorch, or whatever has ``__array__`` or DLPack on the CPU; complex64 in C order is taken without a copy. Or
        a scan of `open`, with what its file knows: mask, noise, header.
    mask
        ``(rows, cols)``, bool or 0 and 1, or ``(cols,)`` for phase-encode lines. K-space beyond it is not used.
    maps
        Coil sensitivity maps ``(coils, rows, cols)`` or ``(sets, coils, rows, cols)``, complex; with k-space of several
        slices ``(coils, rows, cols)`` for all, or ``(slices, coils, rows, cols)``, or
        ``(slices, sets, coils, rows, cols)``.
    prob
        Probability that each location is sampled, ``(rows, cols)`` or ``(cols,)``, as `sampling` gives with its masks.
    method
        ``"auto"``, or one of `methods`.
    noise_covariance
        ``(coils, coils)``, ``E[ε εᴴ]`` of one k-space sample in squared units of k-space, or one variance.
    uncertainty
        Whether to make error bars too, or the seed of the samples that are held out for them. It takes twice as long.
    slices
        Which slices of a scan of `open`; all unless given.
    iterations
        Iterations at most.
    time_limit
        Seconds for the iterations of a slice; results then depend on the speed of the machine.
    wavelet, scales
        Wavelet, db4 unless given, and how many scales, 4 unless given.
    damping
        Of P-VDAMP, above 0 and at most 1: share of the new estimate in each update; 0.75 unless given, 0.7 for lines.
    weight
        Regularisation weight λ of ``fista``, relative to the intensity of the image, or ``"optimal"`` where k-space is
        fully sampled and a mask given; the Tikhonov weight of ``cg-sense``.
    shift
        Random shifts of the wavelet grid: whether, or their seed; as the method has it unless given.
    whiten
        Whether coils are combined so that their noise is white, where it is known not to be.
    virtual_coils
        How many coils to compress the coils to; ``"auto"`` for 16 at most, ``"off"``.
    map_sets, kernel, calibration, crop, recalibrate
        How maps are calibrated: as of `espirit`.
    keep_maps
        Whether the result has the maps; of one slice unless given, not of several, where they take much memory.
    threads
        Number of threads; all processors unless given. Results do not depend on it.
    progress
        Whether to tell on stderr how far it is; or a function that is called with the slice, the stage (``"sampling"``,
        ``"channels"``, ``"maps"``, ``"solving"``) and its iterations done. What it raises ends the reconstruction.

    Returns
    -------
    Reconstruction
        `Reconstruction.image` and what is known of it.

    Raises
    ------
    ValueError
        Arrays that do not fit each other, settings that make no sense, an argument that the method has no use for.
    OSError
        A scan that cannot be read.
    KeyboardInterrupt
        Ctrl-C, within an iteration.

    Warns
    -----
    PvdampWarning
        What a user should know before he believes the image; also in `Reconstruction.warnings`.

    Examples
    --------
    >>> scan = simulate((64, 64), coils=4, noise=0.005, seed=1)
    >>> mask, prob = sampling.bernoulli((64, 64), 3, seed=1)
    >>> result = reconstruct(scan.kspace, mask, prob=prob, uncertainty=True)
    >>> result
    <Reconstruction (64, 64) by howl, with std, maps; 0 warning(s)>
    >>> result.record["sampling"]["samples"] == int(mask.sum())
    True
    """
    if isinstance(kspace, ImageFile):
        raise ValueError(f"kspace: {kspace.path} was opened as images; expected an array, or a scan of open()")
    of_scan = kspace if isinstance(kspace, Scan) else None
    array = None if of_scan else _arrays.complex64(kspace, "kspace", _AXES, 3, 4)
    chosen = _slices(of_scan, slices)
    several = array.ndim == 4 if array is not None else len(chosen) != 1
    options = {
        "method": word(method, "method"),
        "iterations": given(whole, iterations, "iterations"),
        "time_limit": given(number, time_limit, "time_limit"),
        "wavelet": given(word, wavelet, "wavelet"),
        "scales": given(whole, scales, "scales"),
        "damping": given(number, damping, "damping"),
        "weight": weight if isinstance(weight, str) else given(number, weight, "weight"),
        "shift": shift_of(shift),
        "uncertainty": seed_of(uncertainty, "uncertainty"),
        "whiten": bool(whiten),
        "virtual_coils": whole_or_word(virtual_coils, "virtual_coils"),
        "keep_maps": not several if keep_maps is None else bool(keep_maps),
        "maps": map_options(map_sets, kernel, calibration, crop, recalibrate),
    }
    count = array.shape[0] if array is not None and array.ndim == 4 else len(chosen)
    line = Line(count) if progress is True else None
    tell = line or (progress if callable(progress) else None)
    try:
        if of_scan is not None:
            files = _files(mask, prob, maps, noise_covariance)
            found = _pvdamp.reconstruct_scan(of_scan._scan, chosen, files, options, threads_of(threads), tell)
        else:
            assert array is not None
            known = _known(array, mask, prob, maps, noise_covariance)
            run: Any = _pvdamp.reconstruct if array.ndim == 3 else _pvdamp.reconstruct_slices
            found = run(array, known, options, threads_of(threads), tell)
    finally:
        if line is not None:
            line.end()
    result = _result(found, None if of_scan is None else (of_scan, chosen))
    warn(result.warnings)
    return result


_AXES = "(coils, rows, cols) or (slices, coils, rows, cols)"


def _slices(scan: Scan | None, slices: Iterable[int] | None) -> list[int]:
    """Indices of the slices of a scan, counted from 0."""
    if scan is None:
        if slices is not None:
            raise ValueError("slices: they are for scans of open(); expected k-space of those slices")
        return [0]
    count = len(scan)
    if slices is None:
        return list(range(count))
    chosen = [index + count if index < 0 else index for index in map(int, slices)]
    if not chosen or not all(0 <= index < count for index in chosen):
        raise ValueError(f"slices: {list(slices)}; expected some of 0 to {count - 1}")
    return chosen


def _known(kspace: NDArray[np.complex64], mask: Any, prob: Any, maps: Any, noise_covariance: Any) -> dict[str, Any]:
    rows, cols = kspace.shape[-2:]
    return {
        "mask": None if mask is None else _arrays.mask_of(mask, (rows, cols)),
        "prob": None if prob is None else _arrays.probability_of(prob, (rows, cols)),
        "maps": None if maps is None else _maps(maps, kspace.ndim == 4),
        "noise_covariance": None if noise_covariance is None else _arrays.covariance_of(noise_covariance),
    }


def _maps(maps: Any, several: bool) -> NDArray[np.complex64]:
    """Maps ``(sets, coils, rows, cols)``; of several slices also ``(slices, sets, coils, rows, cols)``."""
    axes = "(coils, rows, cols) or (sets, coils, rows, cols)"
    if several:
        axes = "(coils, rows, cols), (slices, coils, rows, cols) or (slices, sets, coils, rows, cols)"
    array = _arrays.complex64(maps, "maps", axes, 3, 4, *([5] if several else []))
    if several:
        return array[None] if array.ndim == 3 else array[:, None] if array.ndim == 4 else array
    return array[None] if array.ndim == 3 else array


def _files(mask: Any, prob: Any, maps: Any, noise_covariance: Any) -> dict[str, Any]:
    """What goes with a scan on disk: names of files."""
    given = {"mask": mask, "prob": prob, "maps": maps, "noise_covariance": noise_covariance}
    for name, value in given.items():
        is_variance = name == "noise_covariance" and isinstance(value, (int, float))
        if value is not None and not is_variance and not hasattr(value, "__fspath__") and not isinstance(value, str):
            raise ValueError(
                f"{name}: {type(value).__qualname__}; expected a file, 'FILE' or 'FILE:DATASET', as kspace is a scan: "
                "take its arrays, as scan[:], to give others"
            )
    return {
        name: value if value is None or isinstance(value, (int, float)) else str(value) for name, value in given.items()
    }


def _result(found: dict[str, Any], of: tuple[Scan, list[int]] | None) -> Reconstruction:
    import json

    of_all, of_each = found.pop("warnings")
    return Reconstruction(
        records=[json.loads(line) for line in found.pop("records")],
        warnings=tuple(_sentences(of_all, of_each)),
        of=of,
        **found,
    )


def _sentences(of_all: Sequence[str], of_each: Sequence[tuple[int, Sequence[str]]]) -> list[str]:
    """Every sentence once, with the slices that it is about, where these are not all."""
    by_sentence: dict[str, list[int]] = {}
    for index, sentences in of_each:
        for sentence in sentences:
            if sentence not in of_all:
                by_sentence.setdefault(sentence, []).append(index)

    def placed(sentence: str, slices: list[int]) -> str:
        if len(slices) == len(of_each):
            return sentence
        names = ", ".join(map(str, slices[:8])) + (" …" if len(slices) > 8 else "")
        return f"slice {names}: {sentence}" if len(slices) == 1 else f"slices {names}: {sentence}"

    return [*of_all, *(placed(sentence, slices) for sentence, slices in by_sentence.items())]
