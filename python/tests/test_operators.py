"""The encoding operator, coil maps, noise, whitening and virtual coils."""

import numpy as np
import pytest
from conftest import same, spectrum

import pvdamp


def random(shape, seed=1):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(*shape, 2)) @ [1, 1j]).astype(np.complex64)


@pytest.fixture(params=["one set", "two sets"])
def encoding(request, head):
    maps = head.maps if request.param == "one set" else random((2, 4, 64, 56))
    return pvdamp.Encoding(maps, head.mask), maps.reshape(-1, 4, 64, 56)


def test_forward_is_maps_transform_and_mask(encoding, head):
    encoding, maps = encoding
    image = random((len(maps), 64, 56))
    expected = spectrum((maps * image[:, None]).sum(0)) * head.mask
    kspace = encoding.forward(image if encoding.sets else image[0])
    assert kspace.dtype == np.complex64 and kspace.shape == (4, 64, 56)
    assert np.abs(kspace - expected).max() < 1e-5 * np.abs(expected).max()
    assert not kspace[:, ~head.mask].any()


def test_adjoint_and_normal(encoding):
    encoding, maps = encoding
    image = random((len(maps), 64, 56) if encoding.sets else (64, 56))
    kspace = random((4, 64, 56), 2)
    left, right = np.vdot(encoding.forward(image), kspace), np.vdot(image, encoding.adjoint(kspace))
    assert abs(left - right) < 1e-4 * abs(left)
    assert same(encoding.normal(image), encoding.adjoint(encoding.forward(image)))


def test_all_is_sampled_without_a_mask(head):
    encoding = pvdamp.Encoding(head.maps)
    assert np.abs(encoding.normal(head.image) - head.image).max() < 1e-5
    assert encoding.shape == (64, 56) and encoding.coils == 4 and encoding.sets is None


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda e, h: pvdamp.Encoding(h.maps, h.mask[:3]), "shape|3x56"),
        (lambda e, h: pvdamp.Encoding(h.image), r"^maps: shape \(64, 56\)"),
        (lambda e, h: e.forward(h.image[:8]), "image: 1 image.s. of 8x56; expected 1 of 64x56"),
        (lambda e, h: e.forward(h.maps), r"^image: shape"),
        (lambda e, h: e.adjoint(h.maps[:2]), "k-space: 2 coils of 64x56; expected 4 coils of 64x56"),
        (lambda e, h: e.forward(h.image.real), "dtype float32; expected complex numbers"),
    ],
)
def test_what_does_not_fit_is_refused(head, call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call(pvdamp.Encoding(head.maps, head.mask), head)


def test_scipy_solves_with_it(head):
    linalg = pytest.importorskip("scipy.sparse.linalg")
    operator = pvdamp.Encoding(head.maps, head.mask).as_linear_operator()
    assert operator.shape == (4 * 64 * 56, 64 * 56) and operator.dtype == np.complex64
    vector = random((64 * 56,))
    assert same(
        (operator.H @ (operator @ vector)).astype(np.complex64).reshape(64, 56),
        pvdamp.Encoding(head.maps, head.mask).normal(vector.reshape(64, 56)),
    )
    clean = operator @ head.image.ravel()
    found = linalg.lsqr(operator, clean, iter_lim=30)[0].reshape(64, 56)
    zero_filled = (operator.H @ clean).reshape(64, 56)
    error = lambda image: np.linalg.norm(image - head.image) / np.linalg.norm(head.image)  # noqa: E731
    assert error(found) < 0.3 * error(zero_filled)


def test_it_agrees_with_sigpy(head):
    linop = pytest.importorskip("sigpy.mri.linop")
    theirs = linop.Sense(head.maps, weights=head.mask.astype(np.float32))
    mine = pvdamp.Encoding(head.maps, head.mask)
    image, kspace = random((64, 56)), random((4, 64, 56), 2)
    for one, other in [(mine.forward(image), theirs * image), (mine.adjoint(kspace), theirs.H * (kspace * head.mask))]:
        assert np.abs(one - other).max() < 1e-5 * np.abs(other).max()


def along(one, other, inside):
    """How alike maps are at each pixel but for a phase."""
    inner = np.abs((one.conj() * other).sum(0))
    return (inner / np.linalg.norm(one, axis=0).clip(1e-9) / np.linalg.norm(other, axis=0).clip(1e-9))[inside]


def test_espirit_finds_the_true_maps(head):
    maps = pvdamp.espirit(head.kspace, head.mask)
    inside = np.abs(head.image) > 0.1
    assert maps.shape == (4, 64, 56) and np.median(along(maps, head.maps, inside)) > 0.999
    energy = (np.abs(maps) ** 2).sum(0)
    assert np.allclose(energy[inside], 1, atol=0.05) and energy.max() < 1.001
    found = pvdamp.reconstruct(head.kspace, head.mask)
    assert same(found.maps[0], maps)
    assert pvdamp.espirit(head.kspace, sets=2).shape == (2, 4, 64, 56)
    assert pvdamp.espirit(head.kspace, sets="auto").shape == (1, 4, 64, 56)
    assert same(pvdamp.espirit(head.kspace, head.mask, threads=1), maps)
    assert not same(pvdamp.espirit(head.kspace, kernel=3), maps)


def test_espirit_agrees_with_sigpy(head):
    app = pytest.importorskip("sigpy.mri.app")
    theirs = app.EspiritCalib(head.kspace, calib_width=20, crop=0, show_pbar=False).run()
    inside = np.abs(head.image) > 0.1
    assert np.median(along(pvdamp.espirit(head.kspace, head.mask), theirs, inside)) > 0.99


def test_what_espirit_refuses(head):
    with pytest.raises(ValueError, match="not sampled at the centre"):
        pvdamp.espirit(head.full, np.indices((64, 56)).sum(0) % 2 == 1)
    with pytest.raises(ValueError, match="it is all zero"):
        pvdamp.espirit(np.zeros_like(head.full))
    with pytest.raises(ValueError, match=r"^ESPIRiT kernel 1 is too small"):
        pvdamp.espirit(head.full, kernel=1)


def test_noise_of_samples_and_of_a_scan():
    rng = np.random.default_rng(3)
    mixing = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
    noise = mixing @ (rng.normal(size=(3, 20_000, 2)) @ [1, 1j] / np.sqrt(2))
    found = pvdamp.noise_covariance(noise.reshape(3, 100, 200))
    expected = mixing @ mixing.conj().T
    assert found.dtype == np.complex128 and np.abs(found - expected).max() < 0.05 * np.abs(expected).max()
    scan = pvdamp.simulate((128, 128), coils=3, noise=0.2)
    estimate = pvdamp.estimate_noise(scan.kspace)
    assert np.allclose(np.diag(estimate).real, 0.2**2, rtol=0.3)
    with pytest.warns(pvdamp.PvdampWarning, match="^noise: taken as zero"):
        assert not pvdamp.estimate_noise(pvdamp.simulate((64, 64), coils=3, noise=0).kspace).any()
    with pytest.raises(ValueError, match="10 noise samples are too few for 3 coils"):
        pvdamp.noise_covariance(noise[:, :10])


def test_whitening_and_virtual_coils_are_their_matrix(head):
    rng = np.random.default_rng(4)
    mixing = np.eye(4) + 0.3 * rng.normal(size=(4, 4))
    covariance = mixing @ mixing.T
    whitened, matrix = pvdamp.whiten(head.kspace, covariance, head.mask)
    white = matrix @ covariance @ matrix.conj().T
    assert np.abs(white - white[0, 0] * np.eye(4)).max() < 0.01 * white[0, 0].real
    assert np.allclose(whitened, np.tensordot(matrix, head.kspace, 1), atol=1e-5)
    assert np.isclose(np.linalg.norm(whitened), np.linalg.norm(head.kspace), rtol=1e-4)
    same_coils, unit = pvdamp.whiten(head.kspace, 3 * np.eye(4))
    assert same(same_coils, head.kspace) and np.array_equal(unit, np.eye(4))

    compressed, matrix = pvdamp.compress_coils(head.kspace, 2)
    assert compressed.shape == (2, 64, 56) and matrix.shape == (2, 4)
    assert np.allclose(compressed, np.tensordot(matrix, head.kspace, 1), atol=1e-5)
    assert np.allclose(matrix @ matrix.conj().T, np.eye(2), atol=1e-9)
    both, matrix = pvdamp.compress_coils(head.kspace, 3, noise_covariance=covariance)
    assert np.allclose(both, np.tensordot(matrix, head.kspace, 1), atol=1e-5)
    assert pvdamp.compress_coils(head.kspace)[0].shape == (4, 64, 56)
    many = pvdamp.simulate((48, 48), coils=20).kspace
    assert len(pvdamp.compress_coils(many)[0]) <= 16
    for call, sentence in [
        (lambda: pvdamp.compress_coils(head.kspace, 0), "virtual coils 0 are none"),
        (lambda: pvdamp.whiten(head.kspace, 0.1), "one variance for all is white"),
        (lambda: pvdamp.whiten(head.kspace, np.eye(3)), "3x3 values; expected 4x4"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            call()
