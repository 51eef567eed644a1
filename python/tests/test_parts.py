"""Metrics, masks, wavelets and the simulator."""

import numpy as np
import pytest
from conftest import same

import pvdamp
from pvdamp import metrics, sampling, wavelet


@pytest.fixture(scope="module")
def pair():
    """A target and an image of three slices."""
    image = np.abs(pvdamp.simulate((48, 40), slices=3).image)
    return image, image + np.random.default_rng(1).normal(size=image.shape).astype(np.float32) * 0.03


def test_metrics_agree_with_fastmri(pair, fastmri):
    evaluate = fastmri("fastmri.evaluate")
    target, image = pair
    assert np.isclose(metrics.nmse(target, image), evaluate.nmse(target, image), rtol=1e-6)
    for mine, theirs in [(metrics.psnr, evaluate.psnr), (metrics.ssim, evaluate.ssim)]:
        assert np.isclose(mine(target, image), theirs(target, image), rtol=1e-5)
        assert np.isclose(mine(target, image, data_range=2.0), theirs(target, image, 2.0), rtol=1e-5)


def test_metrics_agree_with_scikit_image(pair):
    theirs = pytest.importorskip("skimage.metrics")
    target, image = pair[0][0], pair[1][0]
    peak = float(target.max())
    assert np.isclose(metrics.psnr(target, image), theirs.peak_signal_noise_ratio(target, image, data_range=peak))
    similarity = theirs.structural_similarity(target, image, data_range=peak)
    assert np.isclose(metrics.ssim(target, image), similarity, rtol=1e-4)


def test_metrics_of_complex_images(pair):
    target = pair[0][0] * np.exp(0.5j)
    image = pair[1][0] * np.exp(2.5j)
    direct = np.linalg.norm(pair[1][0] - pair[0][0]) ** 2 / np.linalg.norm(target) ** 2
    assert np.isclose(metrics.complex_nmse(target, image), direct, rtol=1e-3)
    assert np.isclose(metrics.nmse(target, np.abs(image)), metrics.nmse(np.abs(target), image))
    mask = np.zeros(target.shape, bool)
    mask[10:20, 10:20] = True
    spoilt = np.where(mask, image, 100)
    assert np.isclose(metrics.complex_nmse(target, spoilt, mask=mask), metrics.complex_nmse(target, image, mask=mask))
    assert metrics.hfen(target, 1j * target) == -np.inf or metrics.hfen(target, 1j * target) < -100
    assert np.isclose(metrics.hfen(target, image), metrics.hfen(3 * target, 3j * image), atol=1e-3)
    assert np.isnan(metrics.nmse(np.zeros((8, 8)), np.ones((8, 8))))
    assert metrics.psnr(pair[0], pair[0]) == np.inf and metrics.nmse(pair[0], pair[0]) == 0


def test_what_metrics_refuse(pair):
    for call in (metrics.nmse, metrics.psnr, metrics.ssim):
        with pytest.raises(ValueError, match=r"image: shape \[2, 48, 40\]; expected \[3, 48, 40\] as the target has"):
            call(pair[0], pair[1][:2])
        with pytest.raises(ValueError, match="image: values that are not finite"):
            call(pair[0], np.full_like(pair[0], np.nan))
        with pytest.raises(ValueError, match=r"^target: shape \(40,\)"):
            call(pair[0][0, 0], pair[1])
    for call in (metrics.complex_nmse, metrics.hfen):
        with pytest.raises(ValueError, match="image: shape"):
            call(pair[0][0], pair[1][0, :8])


FAMILIES = [
    (sampling.bernoulli, {"acs": 12}),
    (sampling.poisson_disc, {"acs": (12, 12)}),
    (sampling.lines_random, {"acs": 12}),
    (sampling.lines_equispaced, {"acs": 12}),
]


@pytest.mark.parametrize(("draw", "options"), FAMILIES)
def test_masks_of_every_family(draw, options):
    mask, prob = draw((96, 80), 4, seed=3, **options)
    assert mask.shape == prob.shape == (96, 80) and mask.dtype == bool and prob.dtype == np.float64
    assert 3 < mask.size / mask.sum() < 5.5
    assert mask[42:54, 34:46].all() and (prob[mask] > 0).all() and prob.max() <= 1
    assert same(draw((96, 80), 4, seed=3, **options).mask, mask)
    assert not all(same(draw((96, 80), 4, seed=seed, **options).mask, mask) for seed in range(4, 8))


@pytest.mark.parametrize("draw", [draw for draw, _ in FAMILIES])
def test_over_draws_the_mean_of_masks_is_their_probability(draw):
    mean = np.mean([draw((32, 30), 3, acs=4, seed=seed).mask for seed in range(100)], 0)
    expected = draw((32, 30), 3, acs=4, seed=0).prob
    assert np.abs(mean - expected).mean() < 0.08


@pytest.mark.parametrize(("draw", "options"), FAMILIES)
@pytest.mark.parametrize(
    ("arguments", "changes", "sentence"),
    [
        (((96, 80), 0.5), {}, "acceleration 0.5 is not an acceleration"),
        (((96, 80), 900), {}, "acceleration 900"),
        (((0, 80), 4), {}, "size 0x80"),
        (((96,), 4), {}, r"shape: \(96,\); expected \(rows, cols\)"),
        (((96, 80), "four"), {}, "acceleration: 'four'; expected a number"),
        (((96, 80), 4), {"acs": 400}, "ACS"),
        (((96, 80), 4), {"seed": -1}, "seed: -1; expected a whole number"),
    ],
)
def test_masks_that_cannot_be(draw, options, arguments, changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        draw(*arguments, **options | changes)


def test_lines_are_those_of_fastmri(fastmri):
    subsample = fastmri("fastmri.data.subsample")
    for draw, theirs in [
        (sampling.lines_random, "RandomMaskFunc"),
        (sampling.lines_equispaced, "EquispacedMaskFractionFunc"),
    ]:
        mask_func = getattr(subsample, theirs)(center_fractions=[0.08], accelerations=[4])
        # it makes tensors of them
        mask_func.reshape_mask = lambda mask, shape: mask
        with subsample.temp_seed(mask_func.rng, 11):
            centre, beyond, _ = mask_func.sample_mask((1, 64, 200, 2), None)
        mine = draw((64, 200), 4, acs_fraction=0.08, seed=11).mask
        assert np.array_equal(mine[0], (centre + beyond) > 0), theirs


def test_a_centre_is_said_once():
    with pytest.raises(ValueError, match="give one of them"):
        sampling.lines_random((64, 64), 4, acs=8, acs_fraction=0.1)


def test_the_density_is_found_from_the_mask():
    mask, prob = sampling.bernoulli((128, 112), 5, seed=2)
    assert np.median(np.abs(pvdamp.estimate_density(mask.astype(float)) / prob - 1)) < 0.1
    assert sampling.estimate_density is pvdamp.estimate_density
    with pytest.raises(ValueError, match="it samples nothing"):
        pvdamp.estimate_density(np.zeros((8, 8), bool))


@pytest.mark.parametrize("name", ["haar", "db4"])
@pytest.mark.parametrize("shape", [(64, 64), (63, 50), (17, 64)])
def test_the_wavelet_transform_is_orthonormal(name, shape):
    image = np.random.default_rng(1).normal(size=(*shape, 2)) @ [1, 1j]
    bands = wavelet.analyse(image, wavelet=name, scales=2)
    energy = sum(np.linalg.norm(band) ** 2 for band in bands.values())
    assert np.isclose(energy, np.linalg.norm(image) ** 2, rtol=1e-5)
    back = wavelet.synthesise(bands, shape, wavelet=name)
    assert back.dtype == np.complex64 and np.abs(back - image).max() < 1e-5
    assert list(bands) == ["H1", "V1", "D1", "H2", "V2", "D2", "A2"]
    shuffled = dict(reversed(bands.items()))
    assert same(wavelet.synthesise(shuffled, shape, wavelet=name), back)


def test_orientations_of_subbands():
    rows = np.broadcast_to((-1.0) ** np.arange(32)[:, None], (32, 32))
    energy = {name: np.linalg.norm(band) for name, band in wavelet.analyse(rows, wavelet="haar", scales=1).items()}
    assert max(energy, key=energy.get) == "H1"


def test_what_wavelets_refuse():
    image = np.ones((32, 32), complex)
    bands = wavelet.analyse(image, scales=2)
    for call, sentence in [
        (lambda: wavelet.analyse(image, wavelet="none"), 'wavelet "none" is none of'),
        (lambda: wavelet.analyse(image, scales=9), "scales 9 are impossible"),
        (lambda: wavelet.analyse(image[0]), "image: shape"),
        (lambda: wavelet.synthesise(bands, (64, 64)), "bands: H1 is 16x16; expected 32x32"),
        (lambda: wavelet.synthesise({"A1": image}, (32, 32)), "bands: A1; expected"),
        (lambda: wavelet.sure_threshold([1 + 1j], [1.0, 2.0]), "variance: shape"),
        (lambda: wavelet.sure_threshold([1 + 1j], -1.0), "variance: some are negative"),
        (lambda: wavelet.sure_threshold([np.nan + 1j], 1.0), "coefficients: some are not finite"),
        (lambda: wavelet.soft_threshold([1 + 1j], -1), "threshold -1 is no magnitude"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            call()


def test_thresholds():
    rng = np.random.default_rng(2)
    noise = (rng.normal(size=(64, 64, 2)) @ [1, 1j]) / np.sqrt(2)
    assert wavelet.sure_threshold(noise, 1.0).threshold > 1.5
    truth = np.where(rng.random((64, 64)) < 0.1, 20, 0)
    found = wavelet.sure_threshold(noise + truth, np.ones((64, 64)))
    shrunk, divergence = wavelet.soft_threshold(noise + truth, found.threshold)
    error = np.linalg.norm(shrunk - truth) ** 2
    assert shrunk.shape == (64, 64) and error < 0.5 * np.linalg.norm(noise) ** 2
    assert np.isclose(error, found.risk, rtol=0.3) and 0.1 < divergence < 0.6
    same_, one = wavelet.soft_threshold(noise, 0)
    assert np.allclose(same_, noise, atol=1e-6) and np.isclose(one, 1)
    none, zero = wavelet.soft_threshold(noise, 1e3)
    assert not none.any() and zero == 0


def test_the_simulator_depends_on_its_settings_alone():
    one, other = pvdamp.simulate((40, 48), coils=3, seed=5), pvdamp.simulate((40, 48), coils=3, seed=5)
    assert all(same(a, b) for a, b in zip(one, other, strict=True))
    assert not same(one.kspace, pvdamp.simulate((40, 48), coils=3, seed=6).kspace)
    slices = pvdamp.simulate((40, 48), coils=3, slices=2, noise=0)
    assert slices.kspace.shape == (2, 3, 40, 48) and slices.image.shape == (2, 40, 48)
    assert np.allclose((np.abs(slices.maps) ** 2).sum(1), 1, atol=1e-4)
    encoding = pvdamp.Encoding(slices.maps[1])
    assert np.abs(encoding.forward(slices.image[1]) - slices.kspace[1]).max() < 1e-4
    for options, sentence in [
        ({"coils": 0}, "number of coils 0"),
        ({"noise": -1.0}, "noise -1"),
        ({"slices": 0}, "slices 0"),
        ({"noise": "loud"}, "noise: 'loud'; expected a number"),
        ({"seed": 1.5}, "seed: 1.5"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            pvdamp.simulate((40, 48), **options)
