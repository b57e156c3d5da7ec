"""GANDetection: patches of the specification, the any-patch rule in a loop, small pictures, five files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from upprint.checkpoints import import_official
from upprint.result import ConfigError
from upprint.systems import create
from upprint.systems.gandetection import repeated

SMALL = {"networks": "AB", "variant": "b0", "patch": 32, "random": 3, "rows": 2, "columns": 2, "side": 48}


@pytest.mark.parametrize(("side", "count"), [(256, 153), (224, 91), (512, 170)])
def test_grids_of_the_specification(side: int, count: int) -> None:
    with torch.device("meta"):
        network = create("gandetection").network
    places = network.origins("B", side, side)
    assert len(places) == count
    assert all(top % 8 == 0 and left % 8 == 0 for top, left in places)
    assert max(places)[0] + 128 <= side
    assert len(network.origins("A", side, side)) == 200
    assert len(network.origins("C", 128, 140)) == 2


def test_score_is_the_any_patch_rule() -> None:
    torch.manual_seed(0)
    detector = create("gandetection", **SMALL).eval()
    images = torch.randint(0, 256, (3, 3, 56, 48), dtype=torch.uint8)
    with torch.no_grad():
        for net in detector.network.nets.values():
            torch.nn.init.normal_(net.classifier.weight, 0, 0.5)
        x = detector.representation(images)
        found = detector(images)
        for image, score in zip(x, found, strict=True):
            per_net = []
            for name, net in detector.network.nets.items():
                patches = [
                    image[:, t : t + 32, c : c + 32] for t, c in detector.network.origins(name, 56, 48)
                ]
                logits = [net(patch[None])[0] for patch in patches]
                if any(two[1] > two[0] for two in logits):
                    per_net.append(max(two[1] for two in logits))
                else:
                    per_net.append(-max(two[0] for two in logits))
            torch.testing.assert_close(score, torch.stack(per_net).mean(), rtol=1e-4, atol=1e-5)


def test_small_pictures_are_repeated_in_phase() -> None:
    x = torch.arange(20.0).reshape(1, 1, 1, 20)
    wide = repeated(x, 32)[0, 0, 0]
    assert wide[:16].tolist() == wide[16:].tolist() == list(range(16))
    assert repeated(torch.zeros(1, 3, 3, 200), 128).shape == (1, 3, 128, 200)
    with torch.no_grad():
        assert create("gandetection", **SMALL).eval()(torch.zeros(1, 3, 9, 40)).shape == (1,)


def test_one_file_for_each_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    donor = create("gandetection", **SMALL)
    files = [tmp_path / f"method_{name}.pth" for name in "AB"]
    for file, net in zip(files, donor.network.nets.values(), strict=True):
        torch.save({"net": net.state_dict()}, file)
    out = tmp_path / "o.safetensors"
    done = import_official("gandetection", files[0], out, beside=files[1:], options=donor.card.options)
    assert done.wrapper == "net"
    assert not done.flipped
    keys = set(torch.load(files[0], weights_only=True)["net"])
    assert {key.split(".")[0] for key in keys} == {"efficientnet", "classifier"}


def test_other_networks_are_refused() -> None:
    with pytest.raises(ConfigError, match="networks 'AF'"):
        create("gandetection", networks="AF")
