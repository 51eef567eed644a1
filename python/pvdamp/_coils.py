"""Coil sensitivity maps, noise, whitening and virtual coils."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _arrays, _pvdamp
from ._options import map_options, threads_of, whole_or_word
from ._warning import warn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def espirit(
    kspace: Any,
    mask: Any = None,
    *,
    sets: int | str = 1,
    kernel: int | None = None,
    calibration: int = 24,
    crop: float | None = None,
    recalibrate: int | str | bool = "auto",
    noise_covariance: Any = None,
    threads: int | None = None,
) -> NDArray[np.complex64]:
    """Calibrate coil sensitivity maps by ESPIRiT on the fully sampled centre of k-space.

    Where that is narrower than 18 samples, maps are calibrated again from a short reconstruction.

    Parameters
    ----------
    kspace
        ``(coils, rows, cols)``, complex, the origin of each axis of n samples at ``n // 2``, 0 where not sampled.
    mask
        ``(rows, cols)`` or ``(cols,)``; where k-space is not zero unless given.
    sets
        Sets of maps: 1, 2, or ``"auto"`` for 2 where one does not explain the data, as where the object is larger than
        the field of view.
    kernel
        Side of the ESPIRiT kernel, in samples; one that fits the centre unless given, 6 at most.
    calibration
        Side of the calibration region, at most, in samples.
    crop
        Eigenvalue below which a pixel counts as outside the object; 0 keeps all. 0.8 unless given, 0.5 of two sets.
    recalibrate
        How often maps are calibrated again; ``"auto"`` by the size of the centre, ``False`` for never.
    noise_covariance
        ``(coils, coils)`` or one variance, in squared units of k-space; estimated unless given.
    threads
        Number of threads; all processors unless given.

    Returns
    -------
    ndarray
        ``(coils, rows, cols)`` of one set, ``(sets, coils, rows, cols)`` where ``sets`` is 2 or ``"auto"``; complex64.
        Their sum of squares over coils is 1 on the object and 0 outside.

    Raises
    ------
    ValueError
        K-space that is not sampled at its centre, shapes that do not fit, settings that make no sense.
    KeyboardInterrupt
        Ctrl-C, within an iteration.

    Warns
    -----
    PvdampWarning
        Maps that do not explain the data.

    References
    ----------
    Uecker et al., Magn Reson Med 71:990 (2014).

    Examples
    --------
    >>> scan = simulate((64, 64), coils=4, noise=0.002)
    >>> espirit(scan.kspace).shape
    (4, 64, 64)
    """
    array, sampled = _kspace(kspace, mask)
    covariance = None if noise_covariance is None else _arrays.covariance_of(noise_covariance)
    options = map_options(sets, kernel, calibration, crop, recalibrate)
    maps, warnings = _pvdamp.espirit(array, sampled, covariance, options, threads_of(threads))
    warn(warnings)
    return maps[0] if sets == 1 else maps


def noise_covariance(samples: Any) -> NDArray[np.complex128]:
    """The noise covariance over coils of samples of noise alone.

    Parameters
    ----------
    samples
        ``(coils, …)``, complex, such as a noise scan: of the receiver bandwidth and gain of the scan. Places where all
        coils are 0 do not count.

    Returns
    -------
    ndarray
        ``(coils, coils)``, ``E[ε εᴴ]`` of one sample, in squared units of the samples; where there are few samples, it
        is drawn towards white noise.

    Raises
    ------
    ValueError
        Fewer than 8 samples for each coil, or samples that are all alike.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(1).normal(size=(4, 1000, 2)) @ [1, 1j]
    >>> bool(np.allclose(noise_covariance(noise), 2 * np.eye(4), atol=0.3))
    True
    """
    array = _arrays.as_numpy(samples, "samples")
    values = _arrays.complex64(array, "samples", "(coils, …)", *range(2, max(array.ndim, 2) + 1))
    return _pvdamp.noise_covariance(values.reshape(values.shape[0], -1))


def estimate_noise(kspace: Any, mask: Any = None) -> NDArray[np.complex128]:
    """Estimate the noise covariance over coils from the quietest samples of a scan.

    Parameters
    ----------
    kspace
        ``(coils, rows, cols)``, complex.
    mask
        ``(rows, cols)`` or ``(cols,)``; where k-space is not zero unless given.

    Returns
    -------
    ndarray
        ``(coils, coils)``, ``E[ε εᴴ]`` of one sample; zeros, with a warning, where signal reaches the edge of k-space
        and hides the noise.

    Raises
    ------
    ValueError
        K-space that is all zero, or shapes that do not fit.

    Warns
    -----
    PvdampWarning
        Noise that cannot be told.

    Examples
    --------
    >>> import numpy as np
    >>> scan = simulate((128, 128), coils=4, noise=0.05)
    >>> bool(np.isclose(np.trace(estimate_noise(scan.kspace)).real / 4, 0.05**2, rtol=0.3))
    True
    """
    covariance, how = _pvdamp.estimate_noise(*_kspace(kspace, mask))
    if not covariance.any():
        warn([f"noise: {how}"])
    return covariance


def whiten(
    kspace: Any, noise_covariance: Any, mask: Any = None
) -> tuple[NDArray[np.complex64], NDArray[np.complex128]]:
    """Combine coils so that their noise is white: as strong in each, and independent.

    A thousandth of the mean power of a coil image counts as noise too, alike in all coils, as what coil sensitivity
    maps do not explain: where the noise is far below that, it is not white after this, and coils are not weighted by it
    alone.

    Parameters
    ----------
    kspace
        ``(coils, rows, cols)``, complex.
    noise_covariance
        ``(coils, coils)``, ``E[ε εᴴ]`` of one sample.
    mask
        ``(rows, cols)`` or ``(cols,)``; where k-space is not zero unless given.

    Returns
    -------
    whitened : ndarray
        ``(coils, rows, cols)``, complex64, of the same energy.
    matrix : ndarray
        ``(coils, coils)``, complex128: ``whitened`` is ``matrix`` times k-space. The unit matrix where the noise is
        white already.

    Raises
    ------
    ValueError
        A matrix that is no covariance, or shapes that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> scan = simulate((32, 32), coils=3)
    >>> covariance = np.diag([1.0, 4.0, 9.0])
    >>> whitened, matrix = whiten(scan.kspace, covariance)
    >>> white = matrix @ covariance @ matrix.conj().T
    >>> bool(np.allclose(white, white[0, 0] * np.eye(3), atol=1e-3))
    True
    """
    covariance = _matrix(noise_covariance)
    array, sampled = _kspace(kspace, mask)
    return _pvdamp.virtual_coils(array, sampled, covariance, "off", None)


def compress_coils(
    kspace: Any, coils: int | str = "auto", mask: Any = None, *, noise_covariance: Any = None
) -> tuple[NDArray[np.complex64], NDArray[np.complex128]]:
    """Combine coils to fewer virtual ones that keep most of the energy.

    Parameters
    ----------
    kspace
        ``(coils, rows, cols)``, complex.
    coils
        How many to keep; ``"auto"``: of more than 16 as many as keep 99.95 % of the energy, 16 at most.
    mask
        ``(rows, cols)`` or ``(cols,)``; where k-space is not zero unless given.
    noise_covariance
        ``(coils, coils)``: coils are whitened by it before.

    Returns
    -------
    compressed : ndarray
        ``(virtual, rows, cols)``, complex64.
    matrix : ndarray
        ``(virtual, coils)``, complex128: ``compressed`` is ``matrix`` times k-space.

    Raises
    ------
    ValueError
        No coils to keep, or shapes that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> scan = simulate((64, 64), coils=12)
    >>> compressed, matrix = compress_coils(scan.kspace, 6)
    >>> compressed.shape, matrix.shape
    ((6, 64, 64), (6, 12))
    >>> bool(np.linalg.norm(compressed) > 0.97 * np.linalg.norm(scan.kspace))
    True
    """
    covariance = None if noise_covariance is None else _matrix(noise_covariance)
    array, sampled = _kspace(kspace, mask)
    return _pvdamp.virtual_coils(array, sampled, covariance, whole_or_word(coils, "coils"), None)


def _matrix(noise_covariance: Any) -> NDArray[np.complex128]:
    import numpy as np

    covariance = _arrays.covariance_of(noise_covariance)
    if not isinstance(covariance, np.ndarray):
        raise ValueError(f"noise_covariance: {covariance}; expected (coils, coils): one variance for all is white")
    return covariance


def _kspace(kspace: Any, mask: Any) -> tuple[NDArray[np.complex64], NDArray[np.bool_] | None]:
    array = _arrays.complex64(kspace, "kspace", "(coils, rows, cols)", 3)
    return array, None if mask is None else _arrays.mask_of(mask, array.shape[1:])
