"""The 1-D spectrum against a loop over radii; classifiers against scikit-learn."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from upprint.checkpoints import load_detector, save_safetensors
from upprint.result import ConfigError, DataError
from upprint.systems import create
from upprint.systems.durall import profile_length


def pixels(height: int, width: int, count: int = 2) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 3, height, width), dtype=np.uint8)


def profile(image: np.ndarray) -> list[float]:
    """The definition, one entry after the other."""
    red, green, blue = image.astype(np.float64)
    spectrum = np.fft.fftshift(np.fft.fft2(np.round(0.299 * red + 0.587 * green + 0.114 * blue))) + 1e-8
    height, width = spectrum.shape
    groups: dict[int, list[float]] = {}
    for y in range(height):
        for x in range(width):
            radius = int(math.hypot(y - (height - 1) / 2, x - (width - 1) / 2))
            groups.setdefault(radius, []).append(20 * math.log(abs(spectrum[y, x])))
    return [float(np.mean(groups[radius])) for radius in range(1, max(groups))]


@pytest.mark.parametrize("size", [(32, 32), (21, 34)])
@pytest.mark.parametrize("normalise", [False, True])
def test_f_is_the_mean_over_each_radius(size: tuple[int, int], normalise: bool) -> None:
    images = pixels(*size)
    expected = np.array([profile(image) for image in images])
    assert expected.shape[1] == profile_length(*size)
    if normalise:
        expected = expected / expected[:, :1]
    f = create("durall", bins=expected.shape[1], normalise=normalise).representation
    np.testing.assert_allclose(f(torch.from_numpy(images)).numpy(), expected, rtol=1e-5)


def test_lengths_of_the_specification() -> None:
    lengths = {32: 20, 64: 43, 128: 88, 224: 156, 256: 179, 380: 266, 512: 360, 1024: 722}
    assert {side: profile_length(side, side) for side in lengths} == lengths
    assert profile_length(178, 218) == 139


def test_other_sizes_resample_the_profile() -> None:
    image = pixels(48, 48, 1)
    native = profile(image[0])
    expected = np.interp(np.linspace(0, len(native) - 1, 20), range(len(native)), native)
    found = create("durall", bins=20, normalise=False).representation(torch.from_numpy(image))[0]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("classifier", ["logistic", "linear", "rbf"])
def test_classifiers_are_scikit_learns(classifier: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    images = torch.from_numpy(rng.integers(0, 256, (40, 3, 16, 16), dtype=np.uint8))
    images[20:] = images[20:, :, ::2, ::2].repeat_interleave(2, 2).repeat_interleave(2, 3)
    labels = torch.cat((torch.zeros(20), torch.ones(20)))
    bins = profile_length(16, 16)
    detector = create("durall", classifier=classifier, bins=bins, side=16)
    detector.fit(lambda: [(images[::2], labels[::2]), (images[1::2], labels[1::2])])
    x = detector.representation(images).double().numpy()
    order = [*range(0, 40, 2), *range(1, 40, 2)]
    reference = {
        "logistic": LogisticRegression(solver="liblinear", max_iter=1000, random_state=0),
        "linear": SVC(kernel="linear"),
        "rbf": SVC(kernel="rbf", C=6.37, gamma=0.86),
    }[classifier].fit(x[order], labels.numpy()[order])
    np.testing.assert_allclose(detector(images).numpy(), reference.decision_function(x), atol=1e-4)
    save_safetensors(detector, tmp_path / "w.safetensors", {})
    assert torch.equal(load_detector(tmp_path / "w.safetensors")(images), detector(images))
    assert (classifier == "rbf") == (detector.card.options["vectors"] > 0)


def test_one_class_and_other_classifiers_are_refused() -> None:
    detector = create("durall", bins=10, side=16)
    with pytest.raises(DataError, match=r"labels \[0\]"):
        detector.fit(lambda: [(torch.from_numpy(pixels(16, 16)), torch.zeros(2))])
    with pytest.raises(ConfigError, match="classifier 'poly'"):
        create("durall", classifier="poly")


def test_openvino_takes_spectra_in_float32(tmp_path: Path) -> None:
    """In bf16 the profile is off by more than the classes are apart."""
    pytest.importorskip("openvino")
    from upprint.export import export
    from upprint.runtime.session import load

    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (8, 64, 64, 3), dtype=np.uint8)
    smooth = noise[:, ::2, ::2].repeat(2, 1).repeat(2, 2)
    images = torch.from_numpy(np.concatenate([noise, smooth]).transpose(0, 3, 1, 2).copy())
    labels = torch.tensor([0.0] * 8 + [1.0] * 8)
    detector = create("durall", bins=43, side=64)
    detector.fit(lambda: iter([(images, labels)]))
    path = export(detector.eval(), tmp_path, "durall", tile=64)
    found = {
        engine: [load(path, engine=engine)(one).logit for one in noise]
        for engine in ("onnxruntime", "openvino")
    }
    np.testing.assert_allclose(found["openvino"], found["onnxruntime"], rtol=1e-3, atol=1e-3)
