# %% [markdown]
# # A first image
#
# From undersampled multi-coil k-space in a NumPy array to an image, with no regularisation weight to choose.
# Run it as a script, or open it as a notebook with [jupytext](https://jupytext.readthedocs.io).

# %%
import tempfile
from pathlib import Path

import numpy as np

import pvdamp

# %% [markdown]
# ## k-space
#
# Any complex array `(coils, rows, cols)` will do whose origin of k-space lies at index `n // 2` of each axis of n
# samples: what `np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image)))` gives. Here it is simulated: a head in eight
# coils.

# %%
scan = pvdamp.simulate((192, 192), coils=8, noise=0.01, seed=1)
mask, prob = pvdamp.sampling.poisson_disc((192, 192), 6, seed=1)
kspace = scan.kspace * mask
print(f"{kspace.shape} {kspace.dtype}, R = {mask.size / mask.sum():.2f}")

# %% [markdown]
# ## The image
#
# One call. The mask is where k-space is not zero, its density is estimated, coil sensitivity maps and noise come from
# the data, and the method is chosen by them. Whatever is known can be given, and helps.

# %%
result = pvdamp.reconstruct(kspace)
known = pvdamp.reconstruct(kspace, mask, prob=prob, noise_covariance=0.01**2)
print(result)
for warning in result.warnings:
    print(warning)

# %% [markdown]
# `result.image` is complex and in the units of the k-space, `result.magnitude` what is usually looked at. The phase of
# an image is relative to that of the coil sensitivity maps, and estimated maps have another than the true ones: so
# magnitudes are compared here.

# %%
zero_filled = pvdamp.reconstruct(kspace, method="zero-filled")
for name, found in [("zero-filled", zero_filled), ("nothing given", result), ("mask, density and noise given", known)]:
    error = pvdamp.metrics.nmse(scan.image, found.image)
    ssim = pvdamp.metrics.ssim(scan.image, found.image)
    print(f"{name:30} NMSE {10 * np.log10(error):6.1f} dB   SSIM {ssim:.3f}")

# %% [markdown]
# ## What was done
#
# The record says what was found and done, as the result files of the program do.

# %%
record = result.record
print("method:", record["method"], "-", record["choice"])
print("sampling:", record["sampling"]["origin"], "R =", round(record["sampling"]["acceleration"], 2))
print("noise:", record["noise"]["origin"])
print("iterations:", len(record["history"]["iterations"]))

# %% [markdown]
# ## Files
#
# `pvdamp.open` reads fastMRI, Calgary-Campinas and ISMRMRD files, NumPy and BART, slice by slice, and `pvdamp.write`
# writes HDF5, NIfTI, DICOM, BART, NumPy and PNG. A scan can be handed to `reconstruct` whole: its mask, noise scan and
# header are then used too.

# %%
folder = Path(tempfile.mkdtemp())
np.save(folder / "scan.npy", kspace[None])
on_disk = pvdamp.open(folder / "scan.npy")
from_file = pvdamp.reconstruct(on_disk)
print(on_disk)
print(*(Path(file).name for file in pvdamp.write(folder / "image.nii.gz", from_file)))

# %% [markdown]
# The same bits, from the array, from the file, and from the program `pvdamp recon`:

# %%
assert np.array_equal(from_file.image[0], result.image)
assert pvdamp.metrics.nmse(scan.image, result.image) < pvdamp.metrics.nmse(scan.image, zero_filled.image) / 10
