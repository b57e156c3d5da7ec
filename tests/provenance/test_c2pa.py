"""Real manifests, signed here with a certificate made here."""

import json
import random
import socket
import sys
import threading
from datetime import datetime, timedelta
from io import BytesIO

import pytest

from upprint.provenance import c2pa, read

library = pytest.importorskip("c2pa")
x509 = pytest.importorskip("cryptography.x509")

from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: E402

SCHEME = "http://cv.iptc.org/newscodes/digitalsourcetype/"
MIME = {
    "JPEG": "jpeg",
    "PNG": "png",
    "WEBP": "webp",
    "GIF": "gif",
    "TIFF": "tiff",
    "AVIF": "avif",
    "HEIF": "heif",
}
SIGNED = "signature valid, signer not checked"


def _name(words):
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"{words} Ltd"),
            x509.NameAttribute(NameOID.COMMON_NAME, words),
        ]
    )


def _certificate(words, key, issuer, issuer_key, *, authority):
    start = datetime(2024, 1, 1)
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    usage |= {"digital_signature": not authority, "key_cert_sign": authority, "crl_sign": authority}
    made = (
        x509.CertificateBuilder()
        .subject_name(_name(words))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=36_500))
        .add_extension(x509.BasicConstraints(authority, None), True)
        .add_extension(x509.KeyUsage(**usage), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False)
    )
    if not authority:
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
    return made.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class Signer:
    """Signs files; `root` is the PEM of its authority."""

    def __init__(self):
        root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.root = _certificate("Root", root_key, "Root", root_key, authority=True).decode()
        chain = _certificate("Tester", key, "Root", root_key, authority=False) + self.root.encode()
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self._info = library.C2paSignerInfo(b"es256", chain, key.private_bytes(*form), None)

    def sign(self, data, kind, actions, *, parent=None, remote=None):
        manifest = {
            "claim_generator_info": [{"name": "made up", "version": "1"}],
            "assertions": [{"label": "c2pa.actions", "data": {"actions": actions}}],
        }
        mime, out = f"image/{MIME[kind]}", BytesIO()
        with library.Signer.from_info(self._info) as signer, library.Builder(manifest) as builder:
            if parent is not None:
                told = {"title": "before", "relationship": "parentOf"}
                builder.set_intent(library.C2paBuilderIntent.EDIT)
                builder.add_ingredient(told, mime, BytesIO(parent))
            if remote is not None:
                builder.set_no_embed()
                builder.set_remote_url(remote)
            builder.sign(signer, mime, BytesIO(data), out)
        return out.getvalue()


def created(code="trainedAlgorithmicMedia"):
    return [{"action": "c2pa.created", "digitalSourceType": SCHEME + code}]


@pytest.fixture(scope="module")
def signer():
    return Signer()


@pytest.fixture(scope="module")
def signed(signer, make):
    return {kind: signer.sign(make.image(kind), kind, created()) for kind in MIME}


@pytest.mark.parametrize("kind", MIME)
def test_a_signed_file_of_every_format(signed, kind):
    signature, source, *_ = read(signed[kind]).claims
    assert signature.text == "signed by Tester (Tester Ltd), made with made up 1"
    assert signature.says is None
    assert signature.trust.startswith(f"{SIGNED}: no trust list was given")
    assert (source.says, source.kind) == ("generated", "digital source type")
    assert source.source == "C2PA manifest, c2pa.created"
    assert source.trust == signature.trust


@pytest.mark.parametrize("kind", MIME)
def test_a_changed_file_is_not_believed(signed, kind):
    data = bytearray(signed[kind])
    data[data.index(b"made up")] = ord("M")
    claims = read(bytes(data)).claims
    assert "generated" not in {claim.says for claim in claims}
    assert any(claim.trust.startswith("signature INVALID") or claim.kind == "unreadable" for claim in claims)


def test_changed_pixels_break_the_signature(signed):
    data = bytearray(signed["JPEG"])
    data[-10] ^= 1
    (trust,) = {claim.trust for claim in read(bytes(data)).claims if claim.kind == "c2pa"}
    assert trust.startswith("signature INVALID: ")
    assert "assertion.dataHash.mismatch" in trust


def test_trust_anchors(signer, signed):
    trusted = read(signed["PNG"], trust_anchors=signer.root).claims[0]
    assert trusted.trust.startswith("signature valid, signer trusted")
    other = read(signed["PNG"], trust_anchors=Signer().root).claims[0]
    assert other.trust.startswith("signature valid, signer not trusted")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("digitalCapture", "camera"),
        ("compositeWithTrainedAlgorithmicMedia", "edited"),
        ("digitalCreation", None),
        ("x", None),
    ],
)
def test_source_types_speak_for_themselves(signer, make, code, says):
    claims = read(signer.sign(make.image("PNG"), "PNG", created(code))).claims
    assert [claim.says for claim in claims if claim.kind == "digital source type"] == [says]


def test_what_a_file_was_made_from_is_told(signer, signed, make):
    later = [{"action": "c2pa.resized"}]
    data = signer.sign(make.image("PNG", make.pixels(20, 28)), "PNG", later, parent=signed["PNG"])
    told = [claim for claim in read(data).claims if claim.says == "generated"]
    assert [claim.source for claim in told] == ["C2PA manifest, c2pa.created of an earlier version"]


def test_without_the_library_the_manifest_is_mentioned(signed, monkeypatch):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    claim = read(signed["WEBP"]).claims[0]
    assert claim.text == "a C2PA manifest is present; pip install 'upprint[provenance]' would read it"
    assert claim.says is None
    assert "not read" in read(signed["WEBP"]).summary()


def test_a_signed_manifest_somewhere_else_is_not_read(signed, make):
    """The library would find it; the walker does not send it there."""
    jpeg = signed["JPEG"]
    start = jpeg.index(b"\xff\xeb")
    end = start
    while jpeg[end : end + 2] == b"\xff\xeb":
        end += 2 + int.from_bytes(jpeg[end + 2 : end + 4], "big")
    store, bare = jpeg[start:end], jpeg[:start] + jpeg[end:]
    pieces = [store[i : i + 60_000] for i in range(0, len(store), 60_000)]
    comments = b"".join(make.segment(0xFE, piece) for piece in pieces)
    for data in (bare + store, bare[:2] + comments + bare[2:]):
        assert {claim.kind for claim in read(data).claims} == {"compression"}


def test_nothing_is_fetched(signer, make):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/manifest.c2pa"
        data = signer.sign(make.image("JPEG"), "JPEG", created(), remote=url)
        met = []
        waiting = threading.Thread(target=lambda: met.append(_connection(server)))
        waiting.start()
        claims = read(data).claims
        direct = c2pa.read(data, "JPEG")
        waiting.join()
    assert met == [None]
    (told,) = (claim for claim in claims if claim.kind == "c2pa")
    assert told.text == f"names a C2PA manifest kept at {url}; it was not fetched"
    assert {claim.says for claim in (*claims, *direct)} == {None}


def _connection(server):
    try:
        return server.accept()
    except TimeoutError:
        return None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "HEIF"])
def test_damage_never_raises(signed, kind):
    random.seed(kind)
    data = signed[kind]
    for _ in range(40):
        broken = bytearray(data)
        for _ in range(random.randrange(1, 5)):
            broken[random.randrange(len(broken))] = random.randrange(256)
        for claim in read(bytes(broken)).claims:
            assert claim.says is None or SIGNED in claim.trust or claim.kind == "camera"


STORE = {"active_manifest": "a", "validation_state": "Valid"}


@pytest.mark.parametrize(
    "store",
    [
        {},
        {"active_manifest": "a"},
        {"manifests": []},
        {**STORE, "manifests": {"a": 3}},
        {**STORE, "manifests": {"a": {"assertions": 1, "ingredients": "x", "signature_info": []}}},
        {
            **STORE,
            "manifests": {"a": {"assertions": [{"label": "c2pa.actions", "data": {"actions": [1, {}]}}]}},
        },
        {
            **STORE,
            "manifests": {"a": {"ingredients": [{"relationship": "parentOf", "active_manifest": "a"}]}},
        },
    ],
)
def test_odd_stores_are_borne(store):
    claims = c2pa.describe(json.loads(json.dumps(store)), anchored=False)
    assert claims
    assert {claim.says for claim in claims} == {None}


def test_unknown_states_are_not_trusted():
    store = {"active_manifest": "a", "manifests": {"a": {"label": "a"}}, "validation_state": "Splendid"}
    assert c2pa.describe(store, anchored=True)[0].trust.startswith("signature INVALID")
