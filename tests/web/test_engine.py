"""Which engine runs, in a real browser: WebGPU on Chromium's software adapter, and what the page asks for.

The software adapter is SwiftShader behind Dawn: the same WebGPU code as on a graphics card, slower.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from upprint.runtime.session import load

SOFTWARE = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, helpers):
    """A system of few operators on tiles of 32 pixels, which the software adapter runs in no time."""
    data = helpers.tiny_system.graph()
    return helpers.tiny_system.write_system(
        tmp_path_factory.mktemp("tiny"), data, helpers.tiny_system.card(data)
    )


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("picture") / "picture.png"
    pixels = np.random.default_rng(0).integers(0, 256, (100, 130, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def software(helpers):
    browser = helpers.site.chromium(arguments=SOFTWARE)
    yield browser
    browser.quit()


def settled(helpers, browser: Any, address: str) -> Any:
    helpers.site.open_page(browser, address)
    helpers.site.wait(browser, "body[data-settled]")
    assert browser.find_elements("css selector", ".failed") == []
    return browser


def near(logit: float) -> Any:
    return pytest.approx(logit, abs=1e-4, rel=1e-5)


def paths(log: list[tuple[str, str]]) -> set[str]:
    return {urlsplit(target).path for _, target in log}


def test_webgpu_scores_what_webassembly_scores(software, helpers, tiny, picture):
    log: list[tuple[str, str]] = []
    with helpers.site.served(tiny.parent, log=log) as address:
        settled(helpers, software, f"{address}?engine=webgpu")
        facts = helpers.site.look_at(software, picture)
        helpers.site.wait(software, ".stability[data-done]")
    assert "WebGPU (google swiftshader)" in facts["engine"], facts["engine"]
    assert "against WebAssembly the same" in facts["engine"]
    expected = load(tiny, threads=1)(picture)
    assert float(facts["logit"]) == near(expected.logit)
    assert facts["verdict"] == str(expected.verdict)
    assert any(path.endswith("ort-webgpu.gz") for path in paths(log))
    assert [e["message"] for e in software.get_log("browser") if e["level"] == "SEVERE"] == []


def test_a_software_adapter_is_left_alone_and_nothing_is_fetched_for_it(software, helpers, tiny, picture):
    log: list[tuple[str, str]] = []
    with helpers.site.served(tiny.parent, log=log) as address:
        settled(helpers, software, address)
        facts = helpers.site.look_at(software, picture)
    assert "WebAssembly" in facts["engine"]
    assert facts["engine"].endswith("WebGPU is not used: the only adapter, google swiftshader, is software.")
    assert not [path for path in paths(log) if "webgpu" in path]


def test_without_an_adapter_nothing_is_fetched_for_webgpu(browser, helpers, tiny, picture):
    log: list[tuple[str, str]] = []
    with helpers.site.served(tiny.parent, log=log) as address:
        settled(helpers, browser, address)
        facts = helpers.site.look_at(browser, picture)
    assert facts["engine"].endswith("the browser found no graphics adapter for it.")
    assert not [path for path in paths(log) if "webgpu" in path or "c2pa" in path]


def test_the_page_follows_the_service(browser, helpers, tiny, picture):
    """The strictest threshold and two tiles, as `upprint serve --fpr 0.001 --tiles 2` asks for."""
    with helpers.site.served(tiny.parent, settings={"system": "tiny", "fpr": "0.001", "tiles": 2}) as address:
        settled(helpers, browser, address)
        facts = helpers.site.look_at(browser, picture)
        expected = load(tiny, threads=1, fpr=0.001, tiles=2)(picture)
        assert float(facts["logit"]) == near(expected.logit)
        assert facts["verdict"] == str(expected.verdict)
        assert facts["tiles"].count(";") == 1
        assert facts["threshold"].startswith("1: about 1 in 1,000")


def test_all_tiles(browser, helpers, tiny, picture):
    with helpers.site.served(tiny.parent, settings={"system": "tiny", "tiles": "all"}) as address:
        settled(helpers, browser, address)
        facts = helpers.site.look_at(browser, picture)
        assert float(facts["logit"]) == near(load(tiny, threads=1, tiles="all")(picture).logit)
        assert browser.find_elements("css selector", ".whole button") == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"system": "../x"}, "settings.json"),
        ({"system": "tiny", "fpr": "0.05"}, "0.05"),
        ({}, "settings.json"),
    ],
)
def test_settings_that_do_not_fit_are_refused(browser, helpers, tiny, settings, words):
    with helpers.site.served(tiny.parent, settings=settings) as address:
        helpers.site.open_page(browser, address)
        failed = browser.find_element("css selector", ".failed")
        assert failed.get_attribute("data-error") == "CardError"
        assert words in failed.text
