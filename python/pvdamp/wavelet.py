"""The wavelet transform that P-VDAMP runs in, and its thresholds, as functions.

The transform is orthonormal, separable and of complex images; an image whose sides are no multiples of ``2**scales`` is
padded with zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _arrays, _pvdamp

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Threshold", "analyse", "soft_threshold", "sure_threshold", "synthesise", "wavelets"]


class Threshold(NamedTuple):
    """A threshold and its estimated risk."""

    #: λ, in the units of the coefficients.
    threshold: float
    #: Stein's unbiased estimate of the squared error, summed over the coefficients; it may be negative.
    risk: float


def wavelets() -> list[str]:
    """Names of the wavelets.

    Examples
    --------
    >>> "db4" in wavelets()
    True
    """
    return _pvdamp.wavelets()


def analyse(image: Any, *, wavelet: str = "db4", scales: int | None = None) -> dict[str, NDArray[np.complex64]]:
    """Split an image into subbands.

    Parameters
    ----------
    image
        ``(rows, cols)``, complex or real.
    wavelet
        One of `wavelets`.
    scales
        How often it is split; 4 unless given, fewer where the image is too small.

    Returns
    -------
    dict
        Subbands by name, complex64, the finest first: ``H1 V1 D1 H2 … A4``. ``H`` is high-pass along the rows axis
        (axis 0), ``V`` along the columns axis, ``D`` along both, ``A`` what is left.

    Raises
    ------
    ValueError
        An unknown wavelet, or more scales than the image has.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.random.default_rng(1).normal(size=(64, 48)) + 0j
    >>> bands = analyse(image, scales=2)
    >>> list(bands), bands["H1"].shape
    (['H1', 'V1', 'D1', 'H2', 'V2', 'D2', 'A2'], (32, 24))
    >>> bool(np.allclose(synthesise(bands, image.shape), image, atol=1e-5))
    True
    """
    return dict(_pvdamp.analyse(_complex(image, "image", "(rows, cols)", 2), wavelet, scales))


def synthesise(bands: Mapping[str, Any], shape: tuple[int, int], *, wavelet: str = "db4") -> NDArray[np.complex64]:
    """Put an image together from its subbands: the inverse, and the adjoint, of `analyse`.

    Parameters
    ----------
    bands
        As `analyse` gives them, in its order.
    shape
        Rows and columns of the image.
    wavelet
        The same as of `analyse`.

    Returns
    -------
    ndarray
        ``(rows, cols)``, complex64.

    Raises
    ------
    ValueError
        Subbands that are not those of such an image.
    """
    scales = len(bands) // 3
    expected = [f"{orientation}{scale + 1}" for scale in range(scales) for orientation in "HVD"] + [f"A{scales}"]
    if scales == 0 or sorted(bands) != sorted(expected):
        raise ValueError(f"bands: {', '.join(bands)}; expected {', '.join(expected) if scales else 'those of analyse'}")
    planes = [_complex(bands[name], f"bands: {name}", "(rows, cols)", 2) for name in expected]
    return _pvdamp.synthesise(planes, _arrays.shape_of(shape), wavelet)


def sure_threshold(coefficients: Any, variance: Any) -> Threshold:
    """Find the soft threshold of least estimated error for noisy complex coefficients.

    Parameters
    ----------
    coefficients
        Any shape, truth plus complex Gaussian noise.
    variance
        ``E|noise|²``: one for all, or one for each.

    Returns
    -------
    Threshold
        ``threshold`` and ``risk``.

    Raises
    ------
    ValueError
        Variances of another shape, negative or not finite.

    References
    ----------
    Donoho and Johnstone, J Am Stat Assoc 90:1200 (1995); for complex values arXiv:2203.04180.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> truth = np.where(rng.random(4096) < 0.05, 10, 0)
    >>> noisy = truth + rng.normal(size=(4096, 2)) @ [1, 1j] / np.sqrt(2)
    >>> def error(threshold):
    ...     return np.sum(np.abs(soft_threshold(noisy, threshold)[0] - truth) ** 2)
    >>> found = sure_threshold(noisy, 1.0)
    >>> bool(error(found.threshold) < 1.05 * min(error(threshold) for threshold in np.arange(0, 4, 0.1)))
    True
    """
    import numpy as np

    values = _complex(coefficients, "coefficients", "any")
    variances = _arrays.as_numpy(variance, "variance")
    if variances.dtype.kind not in "fiu":
        raise ValueError(f"variance: dtype {variances.dtype}; expected real numbers")
    if variances.shape not in ((), values.shape):
        raise ValueError(f"variance: shape {variances.shape}; expected one number, or {values.shape}")
    each = np.ascontiguousarray(np.broadcast_to(variances, values.shape), np.float32)
    return Threshold(*_pvdamp.sure_threshold(values.ravel(), each.ravel()))


def soft_threshold(coefficients: Any, threshold: float) -> tuple[NDArray[np.complex64], float]:
    """Shrink complex coefficients towards zero by a magnitude.

    Parameters
    ----------
    coefficients
        Any shape.
    threshold
        λ, 0 or more.

    Returns
    -------
    shrunk : ndarray
        ``w (1 − min(λ/|w|, 1))``, complex64, of the same shape.
    divergence : float
        Its mean divergence: 1 where nothing changes, 0 where nothing is left.

    Raises
    ------
    ValueError
        A threshold that is negative or not finite.

    Examples
    --------
    >>> soft_threshold([3 + 4j, 0.5j], 1.0)[0].tolist()
    [(2.4000000953674316+3.200000047683716j), 0j]
    """
    values = _complex(coefficients, "coefficients", "any")
    shrunk, divergence = _pvdamp.soft_threshold(values.ravel(), threshold)
    return shrunk.reshape(values.shape), divergence


def _complex(values: Any, name: str, axes: str, *ndims: int) -> NDArray[np.complex64]:
    import numpy as np

    array = _arrays.as_numpy(values, name)
    if array.dtype.kind in "fiu":
        array = array.astype(np.complex64)
    return _arrays.complex64(array, name, axes, *(ndims or (array.ndim,)))
