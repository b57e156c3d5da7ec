"""Content Credentials in the browser: the same signer, trust and source types as the Python reader states."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from upprint.provenance import read

PROVENANCE = Path(__file__).parents[1] / "provenance"


def load_module(path):
    spec = importlib.util.spec_from_file_location(f"provenance_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Signed files, one changed afterwards, one made from another, and one without a manifest."""
    pytest.importorskip("c2pa")
    pytest.importorskip("cryptography.x509")
    tests, make = load_module(PROVENANCE / "test_c2pa.py"), load_module(PROVENANCE / "conftest.py")
    signer, folder = tests.Signer(), tmp_path_factory.mktemp("signed")
    made = {
        f"signed.{kind.lower()}": signer.sign(make.image(kind), kind, tests.created())
        for kind in ("JPEG", "PNG", "WEBP", "AVIF")
    }
    changed = bytearray(made["signed.jpeg"])
    changed[-10] ^= 1
    made["changed.jpeg"] = bytes(changed)
    later = [{"action": "c2pa.resized"}]
    edited = make.image("PNG", make.pixels(20, 28))
    made["edited.png"] = signer.sign(edited, "PNG", later, parent=made["signed.png"])
    made["plain.png"] = make.image("PNG")
    for name, data in made.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def site_and_log(system, helpers):
    log: list[tuple[str, str]] = []
    with helpers.site.served(system, log=log) as address:
        yield address, log


def shown(browser, helpers, path):
    helpers.site.look_at(browser, path)
    script = """
        const part = name => document.querySelector(`[data-c2pa=${name}]`)?.textContent ?? null;
        const terms = [...document.querySelectorAll('.c2pa dt')].slice(2);
        return [part('text'), part('trust'), terms.map(e => [e.textContent, e.nextSibling.textContent])];
    """
    return browser.execute_script(script)


def test_the_page_says_what_python_says(browser, site_and_log, files, helpers):
    address, log = site_and_log
    helpers.site.open_page(browser, address)
    assert shown(browser, helpers, files / "plain.png") == [None, None, []]
    assert not [
        url for _, url in log if "c2pa" in urlsplit(url).path
    ]  # the library is not fetched for nothing
    for name in ("signed.jpeg", "signed.png", "signed.webp", "signed.avif", "changed.jpeg", "edited.png"):
        claims = [
            claim for claim in read((files / name).read_bytes()).claims if claim.source.startswith("C2PA")
        ]
        signature, *types = claims
        text, trust, terms = shown(browser, helpers, files / name)
        assert (text, trust) == (signature.text, signature.trust), name
        assert [f"C2PA manifest, {action}" for action, _ in terms] == [claim.source for claim in types], name
        for (_, words), claim in zip(terms, types, strict=True):
            code, meaning = claim.text.removesuffix(")").split(" (")
            assert words.startswith(meaning), name
            assert words.endswith(code), name
    fetched = [urlsplit(url).path for _, url in log if "c2pa" in urlsplit(url).path]
    assert len(fetched) == len(set(fetched)) == 2  # glue and binary, once


def test_source_types_mean_what_python_says(helpers):
    """The page's words for each code, in its one file of words."""
    from upprint.provenance import source_type

    strings = (Path(__file__).parents[2] / "web" / "src" / "strings.ts").read_text(encoding="utf-8")
    for code, (meaning, _) in source_type._TYPES.items():
        assert f'    {code}: "{meaning}",\n' in strings
