# %% [markdown]
# # Error bars, and where to trust them
#
# `uncertainty=True` predicts the standard deviation of each pixel's error, from samples that the method does not see.
# Here the truth is known, so that the prediction can be held to the error.

# %%
import warnings

import numpy as np

import pvdamp

# %%
scan = pvdamp.simulate((192, 192), coils=8, noise=0.005, seed=2)
mask, prob = pvdamp.sampling.bernoulli((192, 192), 6, seed=2)
result = pvdamp.reconstruct(scan.kspace * mask, mask, prob=prob, uncertainty=True)
print(result)

# %% [markdown]
# ## How large, and how often right
#
# `result.std` is that of the real part of the error, and of the imaginary part. The phase of an image is relative to
# that of its coil sensitivity maps: so the truth is what the estimated maps make of the true coil images.

# %%
inside = np.abs(scan.image) > 0.05 * np.abs(scan.image).max()
truth = np.sum(result.maps[0].conj() * scan.maps * scan.image, axis=0)
error = result.image - truth
within = {n: np.mean(np.abs(error.real[inside]) < n * result.std[inside]) for n in (1, 2, 3)}
for n, share in within.items():
    normal = {1: 0.683, 2: 0.954, 3: 0.997}[n]
    print(f"within {n} std: {share:.3f} of the pixels, {normal} of a normal distribution")
predicted = np.sqrt(np.mean(result.std[inside] ** 2))
actual = np.sqrt(np.mean(error.real[inside] ** 2))
print(f"root mean square: predicted {predicted:.4f}, actual {actual:.4f}, ratio {predicted / actual:.2f}")

# %% [markdown]
# ## Where they say that an image is worse
#
# Pixels by the size of their error bars, a quarter of the object each. A single pixel's error is one draw: its error
# bar says how large it may be, not how large it is.

# %%
order = np.argsort(result.std[inside])
quarters = [
    (np.sqrt(np.mean(result.std[inside][part] ** 2)), np.sqrt(np.mean(error.real[inside][part] ** 2)))
    for part in np.array_split(order, 4)
]
for predicted_rms, actual_rms in quarters:
    print(f"predicted {predicted_rms:.4f}   actual {actual_rms:.4f}   ratio {predicted_rms / actual_rms:.2f}")

# %% [markdown]
# ## The unbiased image
#
# P-VDAMP gives a second image, `unbiased`: the truth plus noise whose variance is known, before the last shrinkage. It
# is noisier, and nothing in it was smoothed away. Its error bars come from the state evolution, without held-out
# samples.

# %%
pvdamp_result = pvdamp.reconstruct(scan.kspace * mask, mask, prob=prob, method="pvdamp", uncertainty=True)
unbiased_error = pvdamp_result.unbiased - truth
ratio = np.sqrt(np.mean(pvdamp_result.unbiased_std[inside] ** 2) / np.mean(unbiased_error.real[inside] ** 2))
print(f"unbiased image: predicted over actual error {ratio:.2f}")

# %% [markdown]
# ## Where not to trust them
#
# They count the error of an image against the one that a full scan with these maps would give. What maps do not
# explain, as motion or an object that folds over, is not in them. Masks of phase-encode lines may have too few samples
# to hold out: then error bars are NaN, and a warning says so. `docs/error-bars.md` has the measurements.

# %%
lines, lines_prob = pvdamp.sampling.lines_random((192, 192), 4, seed=3)
with warnings.catch_warnings(record=True):
    of_lines = pvdamp.reconstruct(scan.kspace * lines, lines, prob=lines_prob, uncertainty=True)
print(f"lines, R = 4: {np.isnan(of_lines.std).mean():.0%} of the error bars are NaN;", *of_lines.warnings)

# %%
assert 0.55 < within[1] < 0.9 and within[3] > 0.95
assert 0.7 < predicted / actual < 1.5 and quarters[3][1] > quarters[0][1]
