"""The page in a real browser: ways in, words, maps, table, keyboard, screen readers, network, sizes."""

from __future__ import annotations

import base64
import os
import shutil
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from upprint.explain.cam import tile_cam
from upprint.images import decode
from upprint.runtime.formats import FORMATS

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
SIZES = {"phone": (390, 844), "tablet": (820, 1180), "desk": (1440, 900)}


def photo(height: int, width: int, seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    y, x, c = np.mgrid[:height, :width, :3]
    waves = (
        127
        + 70 * np.sin(x / 30 + c + seed)
        + 40 * np.cos(y / 17)
        + rng.normal(0, 4 + seed, (height, width, 3))
    )
    return Image.fromarray(waves.clip(0, 255).astype(np.uint8))


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "photo.jpg"
    photo(263, 289).save(path, quality=90)
    return path


@pytest.fixture
def several(tmp_path):
    """Six pictures, and a file that is none."""
    paths = []
    for seed in range(6):
        path = tmp_path / f"{'zyxabc'[seed]}{seed}.{'png' if seed % 2 else 'jpg'}"
        photo(120 + 30 * seed, 140, seed).save(path)
        paths.append(path)
    broken = tmp_path / 'broken, "cut".jpg'
    broken.write_bytes(paths[0].read_bytes()[:500])
    return [*paths, broken]


def near(logit):
    return pytest.approx(logit, abs=1e-4, rel=1e-5)


def hand_over(browser, path, kind):
    """Drop or paste a file, as the browser's own events would."""
    browser.execute_script(
        """
        const [text, name, kind] = arguments;
        const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([bytes], name, {type: 'image/jpeg'}));
        const target = document.getElementById('drop');
        if (kind === 'drop') {
          for (const type of ['dragenter', 'dragover', 'drop'])
            target.dispatchEvent(new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true}));
        } else {
          target.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true}));
        }
        """,
        base64.b64encode(path.read_bytes()).decode(),
        path.name,
        kind,
    )


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_picture_can_be_dropped_and_pasted(kind, page, picture, helpers, scorer):
    browser = page()
    hand_over(browser, picture, kind)
    verdict = helpers.site.wait(browser, "#result .verdict[data-logit]")
    assert float(verdict.get_attribute("data-logit")) == pytest.approx(
        scorer(picture).logit, abs=1e-4, rel=1e-5
    )
    assert ("clipboard" in verdict.text) == (kind == "paste")


def test_verdict_is_in_words_with_what_it_does_not_mean(page, picture, helpers, scorer):
    browser = page()
    helpers.site.look_at(browser, picture)
    result, expected = browser.find_element("id", "result").text, scorer(picture)
    titles = {"generated": "Generated", "inconclusive": "Inconclusive", "no trace found": "No trace found"}
    assert titles[str(expected.verdict)] in result
    assert "What this means" in result
    assert "What it does not mean" in result
    shown = browser.find_element("css selector", ".figure strong").text
    share = expected.probability
    assert shown.replace("\xa0", " ") == (
        "over 99 %" if share > 0.995 else "under 1 %" if share < 0.005 else f"{share * 100:.0f} %"
    )
    assert browser.execute_script("return document.activeElement.id") == "verdict-title"


def test_whole_map_has_the_logit_of_a_scan_of_all_tiles(page, tmp_path, helpers, scorer):
    path = tmp_path / "large.png"
    photo(800, 1100, 3).save(path)
    browser = page()
    helpers.site.look_at(browser, path)
    button = helpers.site.wait(browser, ".whole button")
    tiles = tile_cam(scorer.session, decode(path).pixels, scorer.card.input)
    assert f"({len(tiles.tiles)} parts)" in button.text
    button.click()
    text = helpers.site.wait(browser, ".whole p").text
    expected = f"{'−' if tiles.logit < 0 else '+'}{abs(tiles.logit):.2f}"
    assert expected in text
    assert "The whole picture was looked at" in browser.find_element("tag name", "figcaption").text


def test_maps_are_painted(page, picture, helpers):
    browser = page()
    helpers.site.look_at(browser, picture)
    painted = """
        const map = document.querySelector('canvas.map');
        const data = map.getContext('2d').getImageData(0, 0, map.width, map.height).data;
        const colours = new Set();
        for (let i = 0; i < data.length; i += 4) colours.add(data[i] + ',' + data[i + 1] + ',' + data[i + 3]);
        return [map.width, map.height, colours.size, map.hidden];
    """
    helpers.site.wait(browser, "canvas.map[aria-label]")
    assert browser.execute_script(painted)[2] > 10
    browser.find_element("css selector", "input[value=npr]").click()
    helpers.site.wait(browser, "[data-view=npr] .legend canvas")
    assert browser.execute_script(painted)[:2] == [289, 263]
    assert browser.execute_script(painted)[2] > 10
    browser.find_element("css selector", "input[value=picture]").click()
    assert browser.execute_script(painted)[3] is True


def test_everything_is_reached_by_keyboard(page, picture, helpers):
    from selenium.webdriver import ActionChains, Keys

    browser = page()
    active = "const e = document.activeElement; return e.id || e.value || e.className || e.textContent"

    def press(*keys):
        ActionChains(browser).send_keys(*keys).perform()
        return browser.execute_script(active)

    visited = [press(Keys.TAB) for _ in range(4)]
    assert visited[0] == "skip"
    assert "file" in visited
    helpers.site.look_at(browser, picture)
    helpers.site.wait(browser, "[data-view=where] .legend canvas")
    helpers.site.wait(browser, ".stability[data-done]")
    reached = [press(Keys.TAB) for _ in range(12)]
    for wanted in ("where", "−", "+", "Fit", "stage"):
        assert wanted in reached, reached
    assert any(name.startswith("opacity") for name in reached), reached
    browser.execute_script("document.querySelector('input[value=where]').focus()")
    assert press(Keys.ARROW_RIGHT) == "npr"
    assert press(Keys.ARROW_LEFT, Keys.ARROW_LEFT) == "picture"
    press(Keys.ARROW_RIGHT)
    browser.execute_script("document.querySelector('.tools input[type=range]').focus()")
    press(Keys.HOME)
    assert browser.execute_script("return document.querySelector('canvas.map').style.opacity") == "0"
    browser.execute_script("document.querySelector('[aria-label=Enlarge]').focus()")
    press(Keys.ENTER)
    assert browser.find_element("css selector", ".zoom output").text == "× 1.5"
    browser.execute_script("document.querySelector('.experts summary').focus()")
    press(Keys.ENTER)
    assert browser.find_element("css selector", "[data-fact=logit]").is_displayed()


def test_several_pictures_become_a_table_and_a_csv(page, several, helpers, scorer, tmp_path):
    from selenium.webdriver import Keys

    browser = page()
    helpers.site.choose(browser, *several)
    helpers.site.wait(browser, ".table.finished")

    def names():
        return [cell.text for cell in browser.find_elements("css selector", ".table tbody th")]

    assert names() == [path.name for path in several]
    head = browser.find_element("css selector", "[data-column=path] button")
    head.send_keys(Keys.ENTER)
    assert names() == sorted((path.name for path in several), key=str.lower)
    sort = browser.find_element("css selector", "[data-column=path]")
    assert sort.get_attribute("aria-sort") == "ascending"
    head.send_keys(Keys.ENTER)
    assert sort.get_attribute("aria-sort") == "descending"
    browser.find_element("css selector", "[data-column=probability] button").click()
    logits = {path.name: scorer(path).logit for path in several[:-1]}
    assert names() == [*sorted(logits, key=lambda name: -logits[name]), several[-1].name]

    downloads = tmp_path / "downloads"
    setting = {"behavior": "allow", "downloadPath": str(downloads)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", setting)
    browser.find_element("css selector", ".csv").click()
    saved = downloads / "upprint.csv"
    for _ in range(100):
        if saved.exists():
            break
        time.sleep(0.1)
    rows = {row.path: row for row in FORMATS[".csv"].read(saved)}
    assert set(rows) == {path.name for path in several}
    for path in several[:-1]:
        row, expected = rows[path.name], scorer(path)
        assert row.logit == near(expected.logit)
        for column in ("verdict", "sha256", "tiles", "width", "height", "format", "system"):
            assert getattr(row, column) == getattr(expected, column)
    assert rows[several[-1].name].error.startswith("CorruptImage: ")

    browser.find_element("css selector", ".table tbody button").click()
    assert float(helpers.site.wait(browser, "#result .verdict").get_attribute("data-logit")) == near(
        max(logits.values())
    )


def test_new_files_put_the_old_ones_aside(page, several, picture, helpers, scorer):
    browser = page()
    helpers.site.choose(browser, *several)
    facts = helpers.site.look_at(browser, picture)
    assert float(facts["logit"]) == near(scorer(picture).logit)
    assert browser.find_elements("css selector", ".table") == []


def test_what_the_file_says_is_shown(page, tmp_path, helpers):
    from PIL import PngImagePlugin

    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", "<b>a cat</b>, Steps: 20")
    path = tmp_path / "made.png"
    photo(60, 60).save(path, pnginfo=text)
    browser = page()
    helpers.site.look_at(browser, path)
    shown = browser.find_element("css selector", ".says")
    assert "parameters" in shown.text
    assert "<b>a cat</b>, Steps: 20" in shown.text


def test_a_file_that_fails_is_explained(page, several, helpers):
    browser = page()
    assert helpers.site.look_at(browser, several[-1])["error"] == "CorruptImage"
    shown = browser.find_element("id", "result").text
    assert "It is damaged" in shown
    assert "fetch or copy the file again" in shown


def test_a_model_that_is_not_its_cards_is_refused(browser, system, helpers, tmp_path):
    shutil.copy(system / "npr.json", tmp_path)
    (tmp_path / "npr.onnx").write_bytes((system / "npr.onnx").read_bytes() + b"\0")
    with helpers.site.served(tmp_path) as address:
        helpers.site.open_page(browser, address)
        failed = browser.find_element("css selector", ".failed")
        assert failed.get_attribute("data-error") == "WeightsError"
        assert "SHA-256" in failed.text


def test_plain_static_server_and_another_system(browser, system, picture, helpers, scorer, tmp_path):
    """No isolation headers, so one thread; the system is named in the address."""
    for suffix in (".onnx", ".json"):
        shutil.copy(system / f"npr{suffix}", tmp_path / f"other{suffix}")
    with helpers.site.served(tmp_path, headers={}) as address:
        helpers.site.open_page(browser, f"{address}?system=other")
        facts = helpers.site.look_at(browser, picture)
        assert browser.execute_script("return crossOriginIsolated") is False
    assert float(facts["logit"]) == near(scorer(picture).logit)


def is_browsers_own(target):
    """Update checks and the like, which headless Chromium makes whatever page is open."""
    host = urlsplit(target if "//" in target else f"//{target}").hostname or ""
    return host.endswith((".google.com", ".googleapis.com", ".gvt1.com"))


def test_no_request_leaves_the_page(system, picture, helpers):
    """All of the browser's network, workers included, goes through a proxy that is the site itself."""
    log: list[tuple[str, str]] = []
    with helpers.site.served(system, log=log) as address:
        proxy = [f"--proxy-server={urlsplit(address).netloc}", "--proxy-bypass-list=<-loopback>"]
        browser = helpers.site.chromium(arguments=proxy)
        try:
            helpers.site.open_page(browser, address)
            log.append(("", "opened"))
            helpers.site.look_at(browser, picture)
            helpers.site.wait(browser, ".stability[data-done]")
            log.append(("", "looked at"))
            blocked = browser.execute_async_script(
                """
                const done = arguments[arguments.length - 1];
                const found = [];
                addEventListener('securitypolicyviolation', e => found.push(e.effectiveDirective));
                fetch('https://example.org/x', {method: 'POST', body: 'x'}).catch(() => 0);
                new Image().src = 'https://example.org/x.png';
                navigator.sendBeacon('https://example.org/x', 'x');
                setTimeout(() => done(found), 500);
                """
            )
        finally:
            browser.quit()
    assert set(blocked) == {"connect-src", "img-src"}
    made = [(method, url) for method, url in log if not is_browsers_own(url)]
    before, after = made[: made.index(("", "opened"))], made[made.index(("", "opened")) + 1 :]
    assert {method for method, _ in before} == {"GET"}
    assert all(url.startswith(address) for _, url in before), before
    paths = {urlsplit(url).path for _, url in before}
    assert {"/models/npr.onnx", "/models/npr.json"} <= paths  # fetched by the worker, so workers are seen
    decoders = [url for _, url in after if url.startswith(address)]
    assert [urlsplit(url).path.endswith(".wasm") for url in decoders] == [True]  # the JPEG decoder, once
    assert [entry for entry in after if entry[1] not in decoders] == [("", "looked at")]


def serious(browser):
    if not AXE.exists():
        pytest.skip("axe-core is not there: run `npm ci` in web/")
    browser.execute_script(AXE.read_text(encoding="utf-8"))
    found = browser.execute_async_script(
        "const done = arguments[arguments.length - 1]; axe.run(document).then(r => done(r.violations))"
    )
    return [
        (one["id"], one["impact"], [node["html"][:120] for node in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_serious(dark, page, picture, several, helpers):
    browser = page()
    helpers.site.emulate(browser, 1280, 1000, dark=dark)
    assert serious(browser) == []
    helpers.site.look_at(browser, picture)
    helpers.site.wait(browser, ".stability[data-done]")
    browser.find_element("css selector", ".experts summary").click()
    assert serious(browser) == []
    browser.find_element("css selector", "input[value=npr]").click()
    helpers.site.wait(browser, "[data-view=npr] .legend canvas")
    assert serious(browser) == []
    helpers.site.look_at(browser, several[-1])
    assert serious(browser) == []
    helpers.site.choose(browser, *several)
    helpers.site.wait(browser, ".table.finished")
    assert serious(browser) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_off_at_any_size(size, dark, page, picture, several, helpers, tmp_path):
    """Screenshots go to the folder that UPPRINT_SCREENSHOTS names."""
    browser = page()
    width, height = SIZES[size]
    folder = Path(os.environ.get("UPPRINT_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)

    def check(state):
        helpers.site.emulate(browser, width, height, dark=dark)
        scroll = "const d = document.documentElement; return [d.scrollWidth, d.clientWidth, d.scrollHeight]"
        wide, inner, full = browser.execute_script(scroll)
        assert wide <= inner, f"{state} is {wide} wide in a window of {inner}"
        helpers.site.emulate(browser, width, max(height, full), dark=dark)
        browser.save_screenshot(str(folder / f"{state}-{size}-{'dark' if dark else 'light'}.png"))

    check("start")
    helpers.site.look_at(browser, picture)
    helpers.site.wait(browser, ".stability[data-done]")
    check("verdict")
    browser.find_element("css selector", ".experts summary").click()
    browser.find_element("css selector", "input[value=npr]").click()
    helpers.site.wait(browser, "[data-view=npr] .legend canvas")
    check("npr")
    helpers.site.choose(browser, *several)
    helpers.site.wait(browser, ".table.finished")
    check("table")
    helpers.site.look_at(browser, several[-1])
    check("error")


def test_browser_reports_no_errors(page, picture, helpers):
    browser = page()
    browser.get_log("browser")
    helpers.site.look_at(browser, picture)
    helpers.site.wait(browser, ".stability[data-done]")
    assert [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
