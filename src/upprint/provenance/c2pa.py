"""C2PA manifests ("Content Credentials"), read and validated by c2pa-python; nothing is fetched.

A valid signature shows that the file has not changed since it was signed, and by whom it says it was
signed. Whether that signer deserves trust takes a list of trust anchors, which upprint does not bring.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from upprint.provenance import source_type
from upprint.provenance.claim import Claim, Says, clean
from upprint.result import MissingExtra, require

_MIME = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WebP": "image/webp",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
    "HEIF": "image/heif",
}
_UNTRUSTED = "signingCredential.untrusted"
_SOURCE = "C2PA manifest"
_CHAIN = 32
"""Manifests that are followed from a picture to what it was made from."""


def read(data: bytes, kind: str, trust_anchors: str | None = None) -> list[Claim]:
    """Claims of the manifest store in a file whose container holds one.

    Args:
        data: the whole file.
        kind: its format, as `upprint.images` names it.
        trust_anchors: PEM certificates; signers under them are trusted.
    """
    try:
        library = require("c2pa", extra="provenance", purpose="reading a C2PA manifest")
    except MissingExtra:
        told = "a C2PA manifest is present; pip install 'upprint[provenance]' would read it"
        return [Claim("c2pa", _SOURCE, told, None, "not read: its signature was not checked")]
    verify = {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True}
    settings: dict[str, Any] = {"version": 1, "verify": verify, "core": {"allowed_network_hosts": []}}
    if trust_anchors is not None:
        settings["trust"] = {"trust_anchors": trust_anchors}
    try:
        with (
            library.Context.from_dict(settings) as context,
            library.Reader(_MIME[kind], BytesIO(data), context=context) as reader,
        ):
            store = json.loads(reader.json())
    except (library.C2paError, ValueError) as error:
        words = clean(f"a C2PA manifest that cannot be read ({error})")
        return [Claim("c2pa", _SOURCE, words, None, "invalid: the library refused it")]
    return describe(store, anchored=trust_anchors is not None)


def describe(store: dict[str, Any], *, anchored: bool) -> list[Claim]:
    """Claims of a manifest store in the library's JSON form."""
    manifests = _dict(store.get("manifests"))
    active = _dict(manifests.get(str(store.get("active_manifest"))))
    if not active:
        return [Claim("c2pa", _SOURCE, "a manifest store without an active manifest", None, "invalid")]
    valid, trust = _trust(store, anchored)
    signer = _dict(active.get("signature_info"))
    name = signer.get("common_name") or signer.get("issuer") or "an unnamed signer"
    issuer = signer.get("issuer")
    by = f"{name} ({issuer})" if issuer and issuer != name else f"{name}"
    when = f" on {signer['time']}" if signer.get("time") else ""
    claims = [Claim("c2pa", _SOURCE, clean(f"signed by {by}{when}, made with {_tool(active)}"), None, trust)]
    for value, action in _source_types(manifests, active):
        told = source_type.claim(value, f"{_SOURCE}, {action}", trust)
        says: Says | None = told.says if valid else None
        claims.append(Claim(told.kind, clean(told.source), clean(told.text), says, trust))
    return list(dict.fromkeys(claims))


def _trust(store: dict[str, Any], anchored: bool) -> tuple[bool, str]:
    """Whether the signature and the hashes hold, and how far to trust them."""
    state = store.get("validation_state")
    codes = {str(_dict(status).get("code")) for status in _list(store.get("validation_status"))}
    errors = sorted(codes - {_UNTRUSTED})
    if state == "Trusted" and not errors:
        return True, "signature valid, signer trusted: it stands under the given trust anchors"
    if state == "Valid" and not errors:
        if anchored:
            return True, "signature valid, signer not trusted: it is not under the given trust anchors"
        return True, "signature valid, signer not checked: no trust list was given, anyone can sign so"
    return False, clean(f"signature INVALID: {', '.join(errors) or state}; believe nothing in it")


def _tool(manifest: dict[str, Any]) -> str:
    infos = manifest.get("claim_generator_info")
    info = _dict(infos[0]) if isinstance(infos, list) and infos else {}
    name = info.get("name") or manifest.get("claim_generator") or "unnamed software"
    return f"{name} {info.get('version') or ''}".strip()


def _source_types(manifests: dict[str, Any], active: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(digital source type, action) of the active manifest and of what it was made from, in turn."""
    manifest: dict[str, Any] = active
    seen: list[dict[str, Any]] = []
    while manifest and manifest not in seen and len(seen) < _CHAIN:
        seen.append(manifest)
        for assertion in _list(manifest.get("assertions")):
            label, data = str(_dict(assertion).get("label")), _dict(_dict(assertion).get("data"))
            if not label.startswith("c2pa.actions"):
                continue
            for action in _list(data.get("actions")):
                value = _dict(action).get("digitalSourceType")
                if isinstance(value, str):
                    earlier = " of an earlier version" if len(seen) > 1 else ""
                    yield value, f"{_dict(action).get('action')}{earlier}"
        parents = (_dict(i) for i in _list(manifest.get("ingredients")))
        parent = next((i for i in parents if i.get("relationship") == "parentOf"), {})
        manifest = _dict(manifests.get(str(parent.get("active_manifest"))))


def _dict(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
