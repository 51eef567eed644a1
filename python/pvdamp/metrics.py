"""How far an image is from the truth.

`nmse`, `psnr` and `ssim` are those of fastMRI (Zbontar et al., arXiv:1811.08839): of magnitudes, so that complex arrays
are compared by theirs. `complex_nmse` and `hfen` are of complex images, which are brought to one phase before: coil
sensitivity maps determine an image but for a phase factor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _arrays, _pvdamp

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["complex_nmse", "hfen", "nmse", "psnr", "ssim"]


def nmse(target: Any, image: Any) -> float:
    """Normalised mean squared error of magnitudes, ``‖target − image‖² / ‖target‖²``.

    Parameters
    ----------
    target, image
        ``(rows, cols)`` or ``(slices, rows, cols)``, of one shape; real, or complex to be compared by magnitude.

    Returns
    -------
    float
        Linear, not in dB; NaN for a target of zeros.

    Raises
    ------
    ValueError
        Arrays of different shapes, or with values that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> round(nmse(np.ones((8, 8)), np.full((8, 8), 0.9)), 6)
    0.01
    """
    return _number(_of_magnitudes(target, image, None)[0])


def psnr(target: Any, image: Any, *, data_range: float | None = None) -> float:
    """Peak signal-to-noise ratio of magnitudes, in dB.

    Parameters
    ----------
    target, image
        As of `nmse`.
    data_range
        What the peak is; the maximum of the target unless given, as fastMRI has it.

    Returns
    -------
    float
        ``10 log10(data_range² / mean (target − image)²)``; infinite for equal images.

    Raises
    ------
    ValueError
        Arrays of different shapes, or with values that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> round(psnr(np.ones((8, 8)), np.full((8, 8), 0.9)), 3)
    20.0
    """
    return _number(_of_magnitudes(target, image, data_range)[1])


def ssim(target: Any, image: Any, *, data_range: float | None = None) -> float:
    """Structural similarity of magnitudes, mean over slices.

    A uniform window of 7×7, as in fastMRI and scikit-image.

    Parameters
    ----------
    target, image
        As of `nmse`, at least 7×7.
    data_range
        As of `psnr`.

    Returns
    -------
    float
        At most 1, which is that of equal images.

    Raises
    ------
    ValueError
        Arrays of different shapes, or with values that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.random.default_rng(1).random((16, 16))
    >>> ssim(image, image)
    1.0
    """
    return _number(_of_magnitudes(target, image, data_range)[2])


def complex_nmse(target: Any, image: Any, *, mask: Any = None) -> float:
    """Normalised mean squared error of complex images of one phase, ``‖image · e^{iφ} − target‖² / ‖target‖²``.

    Parameters
    ----------
    target, image
        ``(rows, cols)``, of one shape.
    mask
        ``(rows, cols)``: the pixels that count; all unless given.

    Returns
    -------
    float
        Linear, at the phase φ that makes it least; NaN for a target of zeros.

    Raises
    ------
    ValueError
        Arrays of different shapes, or with values that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> target = np.ones((8, 8), np.complex64)
    >>> round(complex_nmse(target, 0.9j * target), 6)
    0.01
    """
    inside = None if mask is None else _arrays.mask_of(mask)
    return _number(_pvdamp.complex_nmse(_plane(target, "target"), _plane(image, "image"), inside))


def hfen(target: Any, image: Any) -> float:
    """High-frequency error norm of complex images of one phase, in dB: the error of edges and fine detail.

    Parameters
    ----------
    target, image
        ``(rows, cols)``, of one shape.

    Returns
    -------
    float
        ``10 log10(‖LoG(image · e^{iφ} − target)‖² / ‖LoG(target)‖²)`` with a Laplacian of Gaussian of 15×15 pixels, σ =
        1.5; −inf for equal images, NaN for a target of zeros.

    Raises
    ------
    ValueError
        Arrays of different shapes, or with values that are not finite.

    References
    ----------
    Ravishankar and Bresler, IEEE Trans Med Imaging 30:1028 (2011).

    Examples
    --------
    >>> import numpy as np
    >>> target = np.eye(16)
    >>> round(hfen(target, 0.9 * target), 3)
    -20.0
    """
    return _number(_pvdamp.hfen(_plane(target, "target"), _plane(image, "image")))


def _number(found: float | None) -> float:
    return float("nan") if found is None else found


def _of_magnitudes(
    target: Any, image: Any, data_range: float | None
) -> tuple[float | None, float | None, float | None]:
    return _pvdamp.magnitude_metrics(_magnitude(target, "target"), _magnitude(image, "image"), data_range)


def _magnitude(values: Any, name: str) -> NDArray[np.float32]:
    import numpy as np

    array = _arrays.as_numpy(values, name)
    if array.dtype.kind == "c":
        array = np.abs(array)
    array = _arrays.real(array, name, "(rows, cols) or (slices, rows, cols)", np.float32, 2, 3)
    stack: NDArray[np.float32] = _arrays.finite(array, name)
    return stack if stack.ndim == 3 else stack[None]


def _plane(values: Any, name: str) -> NDArray[np.complex64]:
    import numpy as np

    array = _arrays.as_numpy(values, name)
    if array.dtype.kind in "fiu":
        array = array.astype(np.complex64)
    plane: NDArray[np.complex64] = _arrays.finite(_arrays.complex64(array, name, "(rows, cols)", 2), name)
    return plane
