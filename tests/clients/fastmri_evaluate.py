"""fastMRI's evaluation of a result, as its evaluate.py defines it, held to what `pvdamp eval --json` said.

fastmri_evaluate.py TARGET.h5 RESULT.h5 SAID.json : NMSE and PSNR of the volume and SSIM by slices, with the maximum of
the target as the range of the data (https://github.com/facebookresearch/fastMRI, fastmri/evaluate.py).
"""

import json
import sys

import h5py
import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

target, result, said = sys.argv[1:]
with h5py.File(target) as t, h5py.File(result) as r:
    target, result = t["reconstruction_rss"][()], r["reconstruction"][()]
    assert r["reconstruction"].dtype == np.float32 and r["image"].dtype == np.complex64
    assert r["mask"].dtype == bool
    assert isinstance(r["ismrmrd_header"][()], bytes)
    assert r.attrs["acquisition"] == "SIMULATED"
    assert r["geometry"].shape[1:] == (4, 3)

# both are cropped to a square of the target's width
side = target.shape[-1]
rows, cols = ((n - side) // 2 for n in target.shape[-2:])
target, result = (v[:, rows : rows + side, cols : cols + side] for v in (target, result))
maximum = target.max()
found = {
    "nmse": np.linalg.norm(target - result) ** 2 / np.linalg.norm(target) ** 2,
    "psnr_db": peak_signal_noise_ratio(target, result, data_range=maximum),
    "ssim": np.mean([structural_similarity(a, b, data_range=maximum) for a, b in zip(target, result)]),
}
with open(said) as file:
    said = json.load(file)
for name, value in found.items():
    assert np.isclose(said[name], value, rtol=1e-4), (name, said[name], value)
print(found)
