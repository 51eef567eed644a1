"""Arrays of any kind, as the engine takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def as_numpy(values: Any, name: str) -> NDArray[Any]:
    """An array on the CPU: of NumPy, PyTorch, or whatever has ``__array__`` or ``__dlpack__``."""
    import numpy as np

    if isinstance(values, np.ma.MaskedArray):
        raise ValueError(f"{name}: a masked array; expected a plain one, 0 where nothing was sampled")
    # a tensor of PyTorch that gradients flow through, or on another device
    detach = getattr(values, "detach", None)
    if callable(detach):
        values = detach()
        for resolve in ("resolve_conj", "resolve_neg"):
            values = getattr(values, resolve, lambda values=values: values)()
    only_dlpack = hasattr(values, "__dlpack__") and not hasattr(values, "__array__")
    try:
        array = np.from_dlpack(values) if only_dlpack else np.asarray(values)
    except Exception as error:
        kind = f"{type(values).__module__}.{type(values).__qualname__}"
        raise ValueError(
            f"{name}: {kind} is no array on the CPU ({error}); "
            "copy it there before, as .cpu() of PyTorch or .get() of CuPy does"
        ) from None
    if array.dtype == object:
        raise ValueError(f"{name}: {type(values).__qualname__} is no array of numbers")
    return array


def shape_of(shape: Any) -> tuple[int, int]:
    """Rows and columns."""
    sides = tuple(shape) if hasattr(shape, "__iter__") else ()
    if len(sides) != 2 or not all(hasattr(side, "__index__") and side >= 0 for side in sides):
        raise ValueError(f"shape: {shape!r}; expected (rows, cols)")
    rows, cols = sides
    return int(rows), int(cols)


def complex64(values: Any, name: str, axes: str, *ndims: int) -> NDArray[np.complex64]:
    """Complex numbers in single precision with one of these numbers of axes; no copy where they are that already."""
    import numpy as np

    array = as_numpy(values, name)
    if array.dtype.kind != "c":
        pairs = array.ndim - 1 in ndims and array.shape[-1] == 2
        mend = "; torch.view_as_complex makes them of pairs" if pairs else ""
        raise ValueError(f"{name}: dtype {array.dtype}; expected complex numbers{mend}")
    if array.ndim not in ndims:
        raise ValueError(f"{name}: shape {array.shape}; expected {axes}")
    if array.dtype.itemsize == 8:
        return np.require(array, np.complex64, ["C", "A"])
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(array, np.complex64)
    if not np.isfinite(single).all() and np.isfinite(array).all():
        raise ValueError(f"{name}: values beyond single precision (3.4e38); expected smaller ones: scale it")
    return single


def real(values: Any, name: str, axes: str, dtype: type[Any], *ndims: int) -> NDArray[Any]:
    """Real numbers of a type with one of these numbers of axes."""
    import numpy as np

    array = as_numpy(values, name)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name}: dtype {array.dtype}; expected real numbers")
    if array.ndim not in ndims:
        raise ValueError(f"{name}: shape {array.shape}; expected {axes}")
    return np.require(array, dtype, ["C", "A"])


def mask_of(values: Any, grid: tuple[int, int] | None = None) -> NDArray[np.bool_]:
    """A mask ``(rows, cols)``, of bool or of the numbers 0 and 1; ``(cols,)`` of phase-encode lines, for all rows."""
    import numpy as np

    array = as_numpy(values, "mask")
    if array.dtype != np.bool_:
        if array.dtype.kind not in "fiuc" or not np.isin(array, (0, 1)).all():
            raise ValueError(f"mask: dtype {array.dtype} with values other than 0 and 1; expected bool, or 0 and 1")
        array = array != 0
    return np.require(of_plane(array, "mask", grid), np.bool_, ["C", "A"])


def probability_of(values: Any, grid: tuple[int, int]) -> NDArray[np.float64]:
    """A probability ``(rows, cols)``, or ``(cols,)`` of masks of phase-encode lines."""
    import numpy as np

    array = real(values, "prob", "(rows, cols)", np.float64, 1, 2)
    return np.require(of_plane(array, "prob", grid), np.float64, ["C", "A"])


def of_plane(array: NDArray[Any], name: str, grid: tuple[int, int] | None) -> NDArray[Any]:
    """An array ``(rows, cols)``; one of ``(cols,)`` is repeated for all rows."""
    import numpy as np

    if grid is not None and array.shape in (grid[1:], (1, grid[1])):
        return np.broadcast_to(array, grid)
    if array.ndim != 2:
        expected = "(rows, cols)" if grid is None else f"{grid}, or {grid[1:]} for all rows"
        raise ValueError(f"{name}: shape {array.shape}; expected {expected}")
    return array


def covariance_of(values: Any) -> float | NDArray[np.complex128]:
    """A noise covariance ``(coils, coils)``, or one variance."""
    import numpy as np

    array = as_numpy(values, "noise_covariance")
    if array.dtype.kind not in "fiuc":
        raise ValueError(f"noise_covariance: dtype {array.dtype}; expected numbers")
    if array.ndim == 0 and array.dtype.kind != "c":
        return float(array)
    if array.ndim != 2:
        raise ValueError(f"noise_covariance: shape {array.shape}; expected (coils, coils), or one variance")
    return np.require(array, np.complex128, ["C", "A"])


def finite(array: NDArray[Any], name: str) -> NDArray[Any]:
    """An array without NaN and Inf."""
    import numpy as np

    if not np.isfinite(array).all():
        raise ValueError(f"{name}: values that are not finite; expected numbers")
    return array
