"""A user's script, for type checkers: it is not run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import pvdamp


def whole_way(path: str, kspace: NDArray[np.complex128]) -> NDArray[np.float32]:
    scan: pvdamp.Scan = pvdamp.open(path, axes="coil,kx,ky", centre="as-is")
    slices, coils, rows, cols = scan.shape
    mask, prob = pvdamp.sampling.bernoulli((rows, cols), 4.0, acs=(16, 16), seed=1)
    maps: NDArray[np.complex64] = pvdamp.espirit(scan[0], mask, sets=1)
    first = pvdamp.reconstruct(scan, slices=range(slices), uncertainty=3, progress=True)
    second = pvdamp.reconstruct(
        kspace, mask, prob=prob, maps=maps, method="pvdamp", noise_covariance=np.eye(coils), threads=2, shift=False
    )

    def tell(slice_: int, stage: str, iteration: int) -> None:
        print(slice_, stage, iteration)

    third: pvdamp.Reconstruction = pvdamp.reconstruct(kspace, progress=tell, weight="optimal", method="fista")
    written: list[str] = pvdamp.write("out.nii.gz", first, like=scan, part=["mag", "phase"])
    encoding = pvdamp.Encoding(maps, mask)
    image: NDArray[np.complex64] = encoding.adjoint(encoding.forward(second.image))
    error: float = pvdamp.metrics.nmse(image, third.image)
    bands: dict[str, NDArray[np.complex64]] = pvdamp.wavelet.analyse(image, scales=2)
    found = pvdamp.wavelet.sure_threshold(bands["H1"], error)
    print(found.threshold, written, first.record["method"], pvdamp.open_images(path)[0].dtype)
    return second.magnitude
