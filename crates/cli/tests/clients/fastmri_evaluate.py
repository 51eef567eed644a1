"""fastMRI's own evaluation of a folder, compared with `pvdamp eval --json`.

fastmri_evaluate.py TARGETS RESULTS SAID.json : what its evaluate() and its metrics of each volume give
(https://github.com/facebookresearch/fastMRI, fastmri/evaluate.py). The results are those of `pvdamp recon`, as h5py
reads them. The package imports torch and others for its networks; where they are not installed, something empty stands
in for them: no metric uses them.
"""

import argparse
import importlib.util
import json
import pathlib
import sys
import types

import h5py
import numpy as np
# before there is anything that its libraries would take for a torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity  # noqa: F401


class Empty(types.ModuleType):
    """A module in which every name is a module like it, if there is one, or an empty class."""

    def __getattr__(self, name):
        return sys.modules.get(f"{self.__name__}.{name}") or type(name, (), {})


TORCH = ["torch", *(f"torch.{part}" for part in "fft nn nn.functional distributed utils utils.data".split())]
missing = [name for name in ["torch", "yaml", "pandas", "requests", "tqdm"] if importlib.util.find_spec(name) is None]
missing += TORCH[1:] if "torch" in missing else []
sys.modules.update((name, Empty(name)) for name in missing)

from fastmri import evaluate
from fastmri.data.transforms import center_crop

for name in missing:
    del sys.modules[name]

OURS = {"NMSE": "nmse", "PSNR": "psnr_db", "SSIM": "ssim"}
CLOSE = 1e-5

targets, results, evaluation = map(pathlib.Path, sys.argv[1:])
evaluation = json.loads(evaluation.read_text())


def close(found, expected, what, beside=0.0):
    assert np.isclose(found, expected, rtol=CLOSE, atol=CLOSE * abs(beside)), (what, found, expected)


def evaluated(acquisition):
    """fastMRI's evaluation of all volumes, or of an acquisition."""
    arguments = argparse.Namespace(
        target_path=targets, predictions_path=results, acquisition=acquisition, acceleration=None
    )
    return evaluate.evaluate(arguments, "reconstruction_rss")


for volume in evaluation["volumes"]:
    with h5py.File(targets / volume["file"]) as t, h5py.File(results / volume["file"]) as r:
        target, result = t["reconstruction_rss"][()], r["reconstruction"][()]
        assert r["reconstruction"].dtype == np.float32 and r["image"].dtype == np.complex64
        assert r["mask"].dtype == bool
        assert isinstance(r["ismrmrd_header"][()], bytes)
        assert r.attrs["acquisition"] == t.attrs["acquisition"] == volume["acquisition"]
        assert r["geometry"].shape[1:] == (4, 3)
    side = target.shape[-1]
    target, result = center_crop(target, (side, side)), center_crop(result, (side, side))
    for name, ours in OURS.items():
        expected = evaluate.METRIC_FUNCS[name](target, result)
        close(volume[ours], expected, (volume["file"], name))

for summary in [evaluation["all"], *evaluation["acquisitions"]]:
    metrics = evaluated(summary.get("acquisition"))
    means = metrics.means()
    for name, ours in OURS.items():
        assert len(metrics.metrics[name]) == summary["volumes"]
        close(summary[ours]["mean"], means[name], (summary.get("acquisition"), name))
        # fastMRI's deviation of one volume is 0 / 0
        if summary["volumes"] > 1:
            # What the values may differ by is a share of them, not of the little by which they differ from each other.
            deviation = metrics.metrics[name].stddev()
            close(summary[ours]["std"], deviation, (summary.get("acquisition"), name), means[name])
        else:
            assert summary[ours]["std"] is None
print("equal:", len(evaluation["volumes"]), "volumes of", *(group["acquisition"] for group in evaluation["acquisitions"]))
