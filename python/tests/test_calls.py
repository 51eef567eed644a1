"""What a call takes, says, prints, and how it ends."""

import pickle
import re
import warnings

import numpy as np
import pytest
from conftest import quick, same

import pvdamp


def test_every_method_reconstructs(head):
    for method in pvdamp.methods():
        options = {"weight": 0.003} if method == "fista" else {}
        if method.startswith("zero-filled"):
            found = pvdamp.reconstruct(head.kspace, head.mask, method=method)
        else:
            found = quick(head.kspace, head.mask, method=method, **options)
        assert found.method == method and np.isfinite(found.image).all()
        assert (found.unbiased is not None) == method.startswith("pvdamp")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"method": "magic"}, r'^method "magic" is none of auto, .*howl'),
        ({"wavelet": "db99", "method": "pvdamp"}, r'^wavelet "db99" is none of .*db4'),
        ({"iterations": 0}, r"^iterations 0 are none; give at least 1$"),
        ({"iterations": -1}, r"^iterations: -1; expected a whole number, 0 or more$"),
        ({"iterations": 2.5}, r"^iterations: 2.5; expected a whole number"),
        ({"damping": "much", "method": "pvdamp"}, r"^damping: 'much'; expected a number$"),
        ({"method": None}, r"^method: None; expected a name$"),
        ({"threads": 0}, r"^threads: 0; expected a whole number, 1 or more$"),
        ({"damping": 2.0, "method": "pvdamp"}, r"^damping 2 is no share"),
        ({"damping": 0.5}, r"^damping= means nothing to the method auto, which takes "),
        ({"weight": 0.1}, r"^weight= means nothing to the method auto"),
        ({"weight": 0.1, "method": "howl"}, r"^weight= means nothing to the method howl"),
        ({"method": "fista"}, r"^the method fista needs a regularisation weight: weight=0.003"),
        ({"method": "fista", "weight": "best"}, r'^weight "best" is no regularisation weight'),
        ({"method": "fista", "weight": "optimal"}, r"^k-space: it has no reference"),
        ({"uncertainty": True, "method": "zero-filled"}, r"^uncertainty= means nothing to the method zero-filled"),
        ({"uncertainty": "yes"}, r"^uncertainty: 'yes'; expected True, False or a seed, 0 or more$"),
        ({"virtual_coils": 0}, r"^virtual coils 0 are none"),
        ({"virtual_coils": "few"}, r'^virtual_coils "few" is neither'),
        ({"map_sets": 3}, r"^sets of coil sensitivity maps 3 cannot be estimated"),
        ({"map_sets": "two"}, r'^map_sets "two"'),
        ({"kernel": 2}, r"^ESPIRiT kernel 2 is too small"),
        ({"crop": 1.5}, r"^crop 1.5 is no eigenvalue"),
        ({"recalibrate": 11}, r"^recalibrate 11 is more than 10"),
        ({"time_limit": 0.0}, r"^time_limit 0 is not a positive number of seconds$"),
        ({"scales": 9, "method": "pvdamp"}, r"^scales 9 are impossible"),
        ({"slices": [0]}, r"^slices: they are for scans"),
    ],
)
def test_settings_without_sense_are_refused(head, options, sentence):
    options = {"iterations": None} | options if options.get("method") == "zero-filled" else options
    with pytest.raises(ValueError, match=sentence):
        quick(head.kspace, head.mask, **options)


def test_the_words_of_options_reach_the_engine(head):
    def record(**options):
        return quick(head.kspace, head.mask, method="pvdamp", **options)

    usual = record()
    assert usual.record["bands"][-1] == "A3"
    assert record(scales=2).record["bands"][-1] == "A2"
    for options in [
        {"damping": 0.5},
        {"wavelet": "haar"},
        {"shift": False},
        {"shift": 3},
        {"iterations": 7},
        {"virtual_coils": 2},
        {"crop": 0.95},
        {"kernel": 3},
        {"calibration": 12},
        {"recalibrate": 1},
    ]:
        assert not same(record(**options).image, usual.image), options
    assert same(record(shift=True).image, record(shift=0).image)
    assert record(virtual_coils=2).record["coils"]["used"] == 2
    assert record(map_sets=2).maps.shape[0] == 2
    assert record(keep_maps=False).maps is None
    covariance = np.diag([1e-5, 2e-5, 3e-5, 9e-5])
    assert not record(noise_covariance=covariance, whiten=False).record["coils"]["whitened"]
    assert same(record(time_limit=60).image, usual.image)
    fista = quick(head.full, head.mask, method="fista", weight="optimal")
    assert fista.record["lambda"] > 0


def test_error_bars_leave_the_image_as_it_is(head):
    plain = quick(head.kspace, head.mask)
    bars = quick(head.kspace, head.mask, uncertainty=True)
    assert same(bars.image, plain.image) and plain.std is None
    assert bars.std.dtype == np.float32 and bars.std.shape == plain.image.shape
    assert same(bars.std, quick(head.kspace, head.mask, uncertainty=0).std)
    assert not same(bars.std, quick(head.kspace, head.mask, uncertainty=5).std)


def test_k_space_whose_origin_lies_elsewhere_is_told(head):
    def told(kspace):
        with warnings.catch_warnings(record=True) as issued:
            warnings.simplefilter("always")
            quick(kspace)
        return " ".join(str(warning.message) for warning in issued)

    corner = np.fft.ifftshift(head.full, (1, 2))
    for kspace in (corner, np.stack([np.zeros_like(corner), corner, corner])):
        assert "zero frequency lies at the first sample of rows and columns, as an FFT leaves it" in told(kspace)
    assert "first sample of columns, as" in told(np.fft.ifftshift(head.full, 2))
    assert re.search(r"at sample 4[345] of 56 along the columns, and .* at 28", told(np.roll(head.full, 16, 2)))
    turned = head.full * (-1.0) ** np.indices((64, 56)).sum(0)
    assert "the object lies about the first pixel of the image" in told(turned.astype(np.complex64))
    images = head.maps * head.image
    assert "k-space looks like images of the coils" in told(np.roll(images, 3, 1))
    assert told(head.full) == told(head.kspace) == ""


def test_warnings_are_issued_where_the_caller_is(head):
    mask, prob = pvdamp.sampling.lines_random((64, 56), 3, acs=12, seed=2)
    with warnings.catch_warnings(record=True) as issued:
        warnings.simplefilter("always")
        found = quick(head.full, mask, prob=prob, method="pvdamp")
    assert [str(warning.message) for warning in issued] == list(found.warnings)
    assert any("phase-encode lines" in sentence for sentence in found.warnings)
    assert all(warning.category is pvdamp.PvdampWarning for warning in issued)
    assert all(warning.filename.endswith("conftest.py") for warning in issued)
    assert list(found.record["warnings"]) == list(found.warnings)


def test_nothing_is_printed_unless_asked(head, capfd):
    quick(head.kspace, head.mask)
    assert capfd.readouterr() == ("", "")
    quick(head.kspace, head.mask, progress=True)
    printed = capfd.readouterr()
    assert printed.out == "" and printed.err.endswith("\r")
    quick(head.kspace, head.mask, progress=False)
    assert capfd.readouterr() == ("", "")


def test_progress_is_told_of_every_iteration(volume):
    told = []
    quick(volume, iterations=4, progress=lambda *step: told.append(step))
    solving = [step for step in told if step[1] == "solving"]
    assert {step[0] for step in solving} == {0, 2, 3}
    assert [step[2] for step in solving if step[0] == 2] == [0, 1, 2, 3, 4]


def test_what_progress_raises_ends_the_call(head):
    class Enough(Exception):
        pass

    told = []

    def stop(slice_, stage, iteration):
        told.append((stage, iteration))
        if stage == "solving" and iteration == 2:
            raise Enough

    with pytest.raises(Enough):
        quick(head.kspace, head.mask, iterations=100_000, method="pvdamp", progress=stop)
    assert told[-1][1] < 50_000


def test_the_record_is_plain(head):
    found = quick(head.kspace, head.mask, prob=head.prob, uncertainty=True, method="pvdamp")
    record = found.record
    assert record is found.records[0] and record["slice"] == 0
    assert record["version"] == pvdamp.__version__ and record["method"] == "pvdamp"
    assert record["sampling"]["samples"] == head.mask.sum() and record["sampling"]["density"] == "given"
    assert record["seconds"] > 0 and len(record["history"]["iterations"]) >= 5

    def plain(value):
        if isinstance(value, dict):
            return all(isinstance(key, str) and plain(item) for key, item in value.items())
        if isinstance(value, list):
            return all(map(plain, value))
        return value is None or isinstance(value, (bool, int, float, str))

    assert plain(record)


def test_several_slices_have_a_record_each(volume):
    found = quick(volume)
    assert found.image.shape == (4, 64, 56) and found.magnitude.dtype == np.float32
    assert [record["slice"] for record in found.records] == [0, 1, 2, 3]
    assert found.maps is None and quick(volume, keep_maps=True).maps.shape == (4, 1, 4, 64, 56)
    with pytest.raises(ValueError, match="there are 4 slices, which have a record each; take records"):
        _ = found.record
    assert not found.image[1].any()
    assert "slice 1: k-space is all zero, and so is the image" in found.warnings
    assert same(found.image[0], quick(volume[0]).image)


def test_a_result_can_be_pickled_and_shown(head):
    found = quick(head.kspace, head.mask, uncertainty=True)
    again = pickle.loads(pickle.dumps(found))
    assert same(again.image, found.image) and again.record == found.record
    assert repr(found) == "<Reconstruction (64, 56) by howl, with std, maps; 0 warning(s)>"


def test_what_the_engine_finds_is_near_the_truth(head):
    found = pvdamp.reconstruct(head.kspace, head.mask, prob=head.prob, maps=head.maps)
    assert pvdamp.metrics.complex_nmse(head.image, found.image) < 1e-3
