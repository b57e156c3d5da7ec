"""What the tests of the page share: the page's site, a browser, a system to score with, pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from upprint.card import Calibration
from upprint.runtime.session import Scorer, load

HERE = Path(__file__).parent


def load_module(path: Path) -> ModuleType:
    """Test folders are no packages, so modules in them are loaded by their path."""
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


site = load_module(HERE / "page_site.py")


@pytest.fixture(scope="session")
def helpers() -> SimpleNamespace:
    """The helper modules: site, golden, hostile_files, tiny_system."""
    above = {name: load_module(HERE.parent / f"{name}.py") for name in ("hostile_files", "tiny_system")}
    return SimpleNamespace(site=site, golden=load_module(HERE / "golden.py"), **above)


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """NPR with random weights, whose logits differ by whole units between pictures, and a calibration."""
    torch = pytest.importorskip("torch", reason="a system to test the page with is exported by torch")
    from upprint import systems
    from upprint.export import export

    torch.manual_seed(0)
    detector = systems.create("npr").eval()
    with torch.no_grad():
        detector.network.head.weight.mul_(400)
    scale = Calibration(1.0, 0.0, {"0.05": 1.0, "0.01": 2.0}, "0.01", -1.0, 1500, "made up")
    folder = tmp_path_factory.mktemp("system")
    export(detector, folder, "npr", card=replace(detector.card, calibration=scale))
    return folder


@pytest.fixture(scope="session")
def scorer(system: Path) -> Scorer:
    return load(system / "npr.onnx", threads=1)


@pytest.fixture(scope="module")
def address(system: Path) -> Iterator[str]:
    with site.served(system) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    found = site.chromium()
    yield found
    found.quit()


@pytest.fixture
def page(browser: Any, address: str) -> Callable[[], Any]:
    """Opens the page anew and waits until it is ready."""
    return lambda: site.open_page(browser, address)
