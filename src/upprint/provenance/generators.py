"""What the front ends of generators write: PNG text chunks, EXIF comments, China's AIGC label.

Each is known by its key and by the form of its text together; a prompt that merely mentions a generator is
not taken for one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from upprint.provenance import names
from upprint.provenance.claim import Claim, clean
from upprint.provenance.parts import Text

_LARGEST_JSON = 4 << 20
_STEPS = re.compile(r"(?:^|\n)Steps: \d{1,6}, [^\n]{0,20000}\b(?:Sampler|Seed|CFG scale|Size|Model): [^\n]*")
_MODEL = re.compile(r", Model: ([^,\n]{1,200})")
_VERSION = re.compile(r", Version: ([^,\n]{1,100})")
_JOB = re.compile(r"Job ID: [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\s*$")
_DREAM = re.compile(r'^".*" (?=.*-s ?\d)(?=.*-S ?\d)', re.DOTALL)


def from_texts(texts: Iterable[Text]) -> list[Claim]:
    """Claims of a PNG's text chunks. Keys count as written, upper and lower case told apart."""
    claims = []
    found: dict[str, str] = {}
    for key, value in texts:
        found.setdefault(key, value)
    for key, value in found.items():
        if key in _BY_KEY:
            told = _BY_KEY[key](value, found)
            if told is not None:
                claims.append(Claim("generator", f"PNG text {key!r}", clean(told), "generated"))
    for key in ("Software", "software", "Creator Tool"):
        if found.get(key, "").strip():
            says = names.software(found[key])
            kind = "generator" if says == "generated" else "software"
            claims.append(Claim(kind, f"PNG text {key!r}", clean(found[key]), says))
    label = found.get("AIGC", "")
    if label:
        claims += aigc(label, "PNG text 'AIGC'")
    return claims


def from_comment(text: str, source: str) -> list[Claim]:
    """Claims of an EXIF comment or description, where front ends put what a PNG has as text."""
    told = _parameters(text, {}) or _settings(text)
    return [] if told is None else [Claim("generator", source, clean(told), "generated")]


def from_tag(text: str, source: str) -> list[Claim]:
    """ComfyUI's way into WebP: a camera tag that holds `prompt:` or `workflow:` and JSON."""
    for key, read in (("prompt", _comfy_prompt), ("workflow", _comfy_workflow)):
        start, colon, rest = text.partition(":")
        if colon and start.strip().lower() == key:
            told = read(rest, {})
            if told is not None:
                return [Claim("generator", source, clean(told), "generated")]
    return []


def aigc(text: str, source: str) -> list[Claim]:
    """The implicit label of GB 45438-2025: a picture is (1), may be (2), is suspected to be (3) generated."""
    label = _json(text)
    if isinstance(label, dict) and isinstance(label.get("AIGC"), dict):
        label = label["AIGC"]
    if not isinstance(label, dict) or str(label.get("Label")) not in ("1", "2", "3"):
        return []
    number = str(label["Label"])
    meaning = {"1": "is", "2": "may be", "3": "is suspected to be"}[number]
    producer = label.get("ContentProducer")
    by = f", producer {producer}" if isinstance(producer, str) and producer else ""
    told = clean(f"AIGC label {number}: the picture {meaning} generated{by}")
    return [Claim("generator", source, told, "generated" if number == "1" else None)]


# --- one function per form: (text, all texts) -> words, or None where the form is another -------------------

_Form = Callable[[str, dict[str, str]], str | None]


def _json(text: str) -> Any:
    if len(text) > _LARGEST_JSON or not text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return None
    try:
        return json.loads(text.strip("\ufeff \t\r\n\0"))
    except (ValueError, RecursionError):
        return None


def _parameters(text: str, _: dict[str, str]) -> str | None:
    """A1111 and its relatives write prompt, negative prompt and a line of settings; others write JSON."""
    settings = _STEPS.search(text[-64_000:])
    if settings is not None:
        line = settings.group()
        made = "ComfyUI" if "Version: ComfyUI" in line else "Stable Diffusion web UI or a relative"
        return f"{made}{_named(_MODEL, line, 'model')}{_named(_VERSION, line, 'version')}{_prompt(text)}"
    data = _json(text)
    if isinstance(data, dict):
        swarm = data.get("sui_image_params")
        if isinstance(swarm, dict):
            return f"SwarmUI{_field(swarm, 'model')}{_prompt(swarm.get('prompt'))}"
        if {"full_prompt", "base_model"} <= data.keys() or "fooocus" in str(data.get("version", "")).lower():
            return f"Fooocus{_field(data, 'base_model', 'model')}{_prompt(data.get('prompt'))}"
    return None


def _named(pattern: re.Pattern[str], line: str, label: str) -> str:
    match = pattern.search(line)
    return "" if match is None else f", {label} {match[1]}"


def _field(data: dict[str, Any], key: str, label: str = "model") -> str:
    value = data.get(key)
    return f", {label} {value}" if isinstance(value, str) and value else ""


def _prompt(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        return ""
    first = value.split("\nNegative prompt:")[0].split("\nSteps:")[0]
    return f'; prompt "{clean(first, 120)}"' if first.strip() else ""


def _settings(text: str) -> str | None:
    """JSON settings as Draw Things and Easy Diffusion write them into EXIF comments."""
    data = _json(text)
    if not isinstance(data, dict):
        return None
    if {"c", "uc", "sampler", "seed"} <= data.keys():
        return f"Draw Things{_field(data, 'model')}{_prompt(data['c'])}"
    if {"prompt", "use_stable_diffusion_model"} <= data.keys():
        return f"Easy Diffusion{_field(data, 'use_stable_diffusion_model')}{_prompt(data['prompt'])}"
    return None


def _comfy_prompt(text: str, _: dict[str, str]) -> str | None:
    nodes = _json(text)
    if not isinstance(nodes, dict) or not nodes:
        return None
    kinds = [node.get("class_type") for node in nodes.values() if isinstance(node, dict)]
    if len(kinds) < len(nodes) or not all(isinstance(kind, str) for kind in kinds):
        return None
    return f"ComfyUI, a graph of {len(nodes)} nodes{_checkpoint(nodes)}"


def _checkpoint(nodes: dict[str, Any]) -> str:
    for node in nodes.values():
        inputs = node.get("inputs")
        for key in ("ckpt_name", "unet_name"):
            if isinstance(inputs, dict) and isinstance(inputs.get(key), str):
                return f", model {inputs[key]}"
    return ""


def _comfy_workflow(text: str, _: dict[str, str]) -> str | None:
    data = _json(text)
    nodes = data.get("nodes") if isinstance(data, dict) else None
    if not isinstance(nodes, list) or not nodes or "links" not in data:
        return None
    return f"ComfyUI, a workflow of {len(nodes)} nodes"


def _invoke(text: str, _: dict[str, str]) -> str | None:
    data = _json(text)
    if not isinstance(data, dict):
        return None
    if not ({"app_version", "generation_mode"} & data.keys() or data.get("app_id") == "invoke-ai/InvokeAI"):
        return None
    model = data.get("model", data.get("model_weights"))
    name = model.get("name", model.get("model_name")) if isinstance(model, dict) else model
    prompt = _prompt(data.get("positive_prompt"))
    return f"InvokeAI{_field(data, 'app_version', 'version')}{_field({'m': name}, 'm')}{prompt}"


def _invoke_graph(text: str, _: dict[str, str]) -> str | None:
    data = _json(text)
    return "InvokeAI, a graph" if isinstance(data, dict) and "nodes" in data else None


def _dream(text: str, _: dict[str, str]) -> str | None:
    return f"InvokeAI{_prompt(text[1:])}" if _DREAM.match(text[:20_000]) else None


def _novel(text: str, texts: dict[str, str]) -> str | None:
    data = _json(text)
    if texts.get("Software") != "NovelAI" or not isinstance(data, dict):
        return None
    return f"NovelAI{_field(texts, 'Source')}{_prompt(texts.get('Description'))}" if "steps" in data else None


def _midjourney(text: str, _: dict[str, str]) -> str | None:
    return f"Midjourney{_prompt(text)}" if _JOB.search(text[-200:]) else None


def _easy(text: str, texts: dict[str, str]) -> str | None:
    if not {"seed", "Seed"} & texts.keys() or not {"prompt", "Prompt"} & texts.keys():
        return None
    return f"Easy Diffusion, model {text}"


def _fooocus(text: str, texts: dict[str, str]) -> str | None:
    return f"Fooocus, scheme {text}" if text in ("fooocus", "a1111") and "parameters" in texts else None


_BY_KEY: dict[str, _Form] = {
    "parameters": _parameters,
    "prompt": _comfy_prompt,
    "workflow": _comfy_workflow,
    "invokeai_metadata": _invoke,
    "invokeai_graph": _invoke_graph,
    "sd-metadata": _invoke,
    "Dream": _dream,
    "Comment": _novel,
    "Description": _midjourney,
    "use_stable_diffusion_model": _easy,
    "Stable Diffusion model": _easy,
    "fooocus_scheme": _fooocus,
}
