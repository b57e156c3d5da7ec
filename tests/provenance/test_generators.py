import json

import pytest
from PIL import PngImagePlugin

from upprint.provenance import generators, read
from upprint.provenance.parts import Text

SETTINGS = (
    "Steps: 25, Sampler: DPM++ 2M, CFG scale: 7, Seed: 42, Size: 512x512, Model: v1-5, Version: f0.0.17"
)
GRAPH = json.dumps({"3": {"class_type": "KSampler"}, "4": {"class_type": "VAEDecode"}})
INVOKE_2 = json.dumps({"app_id": "invoke-ai/InvokeAI", "app_version": "v2"})
SWARM = json.dumps({"sui_image_params": {"prompt": "x", "model": "m"}})
EASY = {"prompt": "x", "seed": "1", "use_stable_diffusion_model": "sd"}
FOX = {"c": "a fox", "uc": "", "sampler": "Euler", "seed": 1, "model": "m"}
FORMS = {
    "A1111": ({"parameters": f"a cat\nNegative prompt: dog\n{SETTINGS}"}, "Stable Diffusion web UI"),
    "A1111 without a prompt": ({"parameters": SETTINGS}, "Stable Diffusion web UI"),
    "SwarmUI": ({"parameters": SWARM}, "SwarmUI, model m"),
    "Fooocus": ({"parameters": json.dumps({"full_prompt": ["x"], "base_model": "j"})}, "Fooocus, model j"),
    "Fooocus by version": ({"parameters": json.dumps({"version": "Fooocus v2.5.5"})}, "Fooocus"),
    "ComfyUI": ({"prompt": GRAPH}, "ComfyUI, a graph of 2 nodes"),
    "ComfyUI workflow": ({"workflow": json.dumps({"nodes": [{}], "links": []})}, "ComfyUI, a workflow of 1"),
    "InvokeAI": (
        {"invokeai_metadata": json.dumps({"app_version": "5.0", "model": {"name": "m"}})},
        "InvokeAI, version 5.0, model m",
    ),
    "InvokeAI 2": ({"sd-metadata": INVOKE_2}, "InvokeAI"),
    "InvokeAI 1": ({"Dream": '"a cat" -s 50 -S 1234 -W 512 -H 512 -C 7.5 -A k_lms'}, "InvokeAI"),
    "NovelAI": (
        {"Software": "NovelAI", "Comment": json.dumps({"steps": 28}), "Description": "girl"},
        'NovelAI; prompt "girl"',
    ),
    "Midjourney": ({"Description": "a cat --v 6 Job ID: 01234567-89ab-cdef-0123-456789abcdef"}, "Midjourney"),
    "Easy Diffusion": (EASY, "Easy Diffusion, model sd"),
    "AIGC label": ({"AIGC": json.dumps({"AIGC": {"Label": 1, "ContentProducer": "p"}})}, "AIGC label 1"),
    "Software": ({"Software": "Draw Things"}, "Draw Things"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_front_ends_are_known_in_a_png(make, form):
    texts, words = FORMS[form]
    info = PngImagePlugin.PngInfo()
    for key, value in texts.items():
        info.add_text(key, value)
    claims = [claim for claim in read(make.image("PNG", pnginfo=info)).claims if claim.says == "generated"]
    assert claims
    assert words in claims[0].text
    assert all(claim.source.startswith("PNG text") for claim in claims)


@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt", "compressed iTXt"])
def test_every_kind_of_text_chunk(make, kind):
    info = PngImagePlugin.PngInfo()
    value = f"ein Kätzchen\n{SETTINGS}"
    if "iTXt" in kind:
        info.add_itxt("parameters", value, zip=kind.startswith("compressed"))
    else:
        info.add_text("parameters", value, zip=kind == "zTXt")
    (claim,) = read(make.image("PNG", pnginfo=info)).claims
    assert 'prompt "ein Kätzchen"' in claim.text


@pytest.mark.parametrize(
    "texts",
    [
        {"parameters": "my parameters"},
        {"parameters": "Steps: 20"},
        {"parameters": "{}"},
        {"parameters": "[" * 100_000},
        {"prompt": "write a poem"},
        {"prompt": "{}"},
        {"prompt": '{"a": 1}'},
        {"prompt": '{"1": {"class_type": 7}}'},
        {"workflow": '{"nodes": []}'},
        {"Comment": '{"steps": 28}'},
        {"Comment": "NovelAI", "Software": "GIMP"},
        {"Description": "Job ID: 17"},
        {"Dream": "a nice dream"},
        {"sd-metadata": '{"app_id": "other"}'},
        {"use_stable_diffusion_model": "sd"},
        {"AIGC": '{"Label": "0"}'},
        {"AIGC": "1"},
        {"Software": "Software that likes NovelAI"},
        {"Title": "AI generated image"},
    ],
)
def test_keys_alone_are_not_enough(texts):
    claims = generators.from_texts(Text(key, value) for key, value in texts.items())
    assert "generated" not in {claim.says for claim in claims}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (FOX, 'Draw Things, model m; prompt "a fox"'),
        ({"prompt": "x", "use_stable_diffusion_model": "sd"}, 'Easy Diffusion, model sd; prompt "x"'),
    ],
)  # fmt: skip
def test_json_comments(data, words):
    (claim,) = generators.from_comment(json.dumps(data), "EXIF comment")
    assert claim.text == words


def test_hostile_text_takes_no_time():
    """Would take minutes with a pattern that backtracks."""
    for text in ("Steps: 1, " + "Sampler " * 100_000, "\nSteps: 1, " * 100_000, '"' * 100_000 + " -s1 -S"):
        assert generators.from_comment(text, "x") == []
        assert generators.from_texts([Text("Dream", text)]) == []
