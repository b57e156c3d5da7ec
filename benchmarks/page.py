"""How long the page takes from a dropped 12-megapixel JPEG to its verdict, in headless Chromium.

    python benchmarks/page.py [--model path/to/x.onnx] [--rounds 5] [--out results/page.json]

The picture is made here: waves and grain, 4032 x 3024, quality 92, 4:2:0. Time runs in the page, from the
drop event to the verdict standing there and painted. Rounds alternate between the page and `upprint.load`
on the same bytes in Python. Isolated pages may use threads; others, served without the two headers, one.
Needs chromium, chromedriver and selenium.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import os
import platform
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from upprint.runtime import store
from upprint.runtime.session import Scorer, load

ROOT = Path(__file__).parents[1]
HEIGHT, WIDTH, QUALITY = 3024, 4032, 92

DROP = """
    const [text, done] = arguments;
    const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], 'photo.jpg', {type: 'image/jpeg'}));
    document.querySelector('#result').replaceChildren();
    const started = performance.now();
    const watch = new MutationObserver(() => {
        const verdict = document.querySelector('#result .verdict[data-logit]');
        if (!verdict) return;
        watch.disconnect();
        requestAnimationFrame(() => setTimeout(() => {
            done([(performance.now() - started) / 1000, Number(verdict.dataset.logit)]);
        }));
    });
    watch.observe(document.querySelector('#result'), {childList: true, subtree: true});
    document.getElementById('drop').dispatchEvent(
        new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", default=store.DEFAULT_SYSTEM, help="a shipped system, or an .onnx file with its card"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "page.json")
    arguments = parser.parse_args()

    data, site = photo(), _site()
    graph = store.find(arguments.model)[0]
    arms: dict[str, Any] = {}
    load_before = round(os.getloadavg()[0], 2)
    for name, headers in (("threads", None), ("one_thread", {})):
        with site.served(graph.parent, headers, settings={"system": graph.stem}) as address:
            browser = site.chromium()
            try:
                arms[name] = measure(browser, address, data, site, graph, arguments.rounds)
                arms[name]["browser"] = browser.capabilities["browserVersion"]
            finally:
                browser.quit()
    report = {
        "benchmark": "page",
        "what": "seconds from dropping a 12-megapixel JPEG to its verdict",
        "command": "python benchmarks/page.py",
        "date": time.strftime("%Y-%m-%d"),
        "machine": {
            "cpu": _cpu(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "python": platform.python_version(),
            "load_before": load_before,
        },
        "settings": {
            "picture": f"{WIDTH} x {HEIGHT}, quality {QUALITY}, 4:2:0, {len(data)} bytes",
            "rounds": arguments.rounds,
            "model": hashlib.sha256(graph.read_bytes()).hexdigest(),
        },
        "arms": arms,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    for name, arm in arms.items():
        page, own = arm["median_seconds"], arm["python_median_seconds"]
        print(f"{name}: {page:.2f} s in the page, {own:.2f} s in Python")


def measure(
    browser: Any, address: str, data: bytes, site: ModuleType, graph: Path, rounds: int
) -> dict[str, Any]:
    """One warm-up, then rounds of the page and of Python in turn."""
    started = time.perf_counter()
    site.open_page(browser, address)
    ready = time.perf_counter() - started
    scorer: Scorer | None = None
    text = base64.b64encode(data).decode()
    page_seconds: list[float] = []
    python_seconds: list[float] = []
    logits: set[float] = set()
    for number in range(rounds + 1):
        seconds, logit = browser.execute_async_script(DROP, text)
        site.wait(browser, ".stability[data-done]")  # or its work would fall into the next round
        threads = _threads(browser)
        scorer = scorer or load(graph, threads=threads)
        expected, own = _timed(scorer, data)
        logits.add(abs(logit - expected))
        if number:
            page_seconds.append(round(seconds, 3))
            python_seconds.append(round(own, 3))
    return {
        "threads": threads,
        "seconds_until_page_is_ready": round(ready, 2),
        "seconds": page_seconds,
        "median_seconds": median(page_seconds),
        "python_seconds": python_seconds,
        "python_median_seconds": median(python_seconds),
        "largest_logit_difference": max(logits),
    }


def _threads(browser: Any) -> int:
    """As the page states them among the details for experts."""
    script = "return document.querySelector('.experts').dataset.threads"
    return int(browser.execute_script(script))


def _timed(scorer: Scorer, data: bytes) -> tuple[float, float]:
    started = time.perf_counter()
    logit = scorer(data).logit
    assert logit is not None
    return logit, time.perf_counter() - started


def photo() -> bytes:
    rng = np.random.default_rng(12)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    planes = [127 + 60 * np.sin(x / (40 + 9 * c)) + 40 * np.cos(y / (57 - 8 * c) + x / 300) for c in range(3)]
    pixels = np.stack(planes, axis=-1) + rng.normal(0, 4, (HEIGHT, WIDTH, 3)).astype(np.float32)
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def _site() -> ModuleType:
    """The static server and the browser of the page's tests."""
    spec = spec_from_file_location("page_site", ROOT / "tests" / "web" / "page_site.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _cpu() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown")


if __name__ == "__main__":
    main()
