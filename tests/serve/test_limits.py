from __future__ import annotations

from pathlib import Path

import pytest

from upprint.result import ConfigError
from upprint.serve.limits import LARGEST_BODY, Limits, is_loopback, parse_size, read_key


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("500KB", 500_000),
        ("32MB", 32_000_000),
        ("32 mib", 33_554_432),
        ("1.5 kb", 1500),
        ("1GiB", 1 << 30),
        ("7b", 7),
    ],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1MB", "0", "0.4", "12TB", "1,000", "1e6", "٣MB", "1MB extra"])
def test_other_sizes_are_refused_with_the_form_that_is_expected(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a number of bytes, e.g. 500KB"):
        parse_size(text)


@pytest.mark.parametrize("name", ["body", "files", "pixels", "seconds", "receive", "idle"])
def test_limits_are_above_zero(name: str) -> None:
    with pytest.raises(ConfigError, match=f"limit {name} is 0, expected a number above 0"):
        Limits(**{name: 0})


def test_limits_that_make_no_sense_are_refused() -> None:
    for wrong in ({"waiting": -1}, {"body": LARGEST_BODY + 1}, {"seconds": float("nan")}):
        with pytest.raises(ConfigError):
            Limits(**wrong)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("localhost.example.org", False),
        ("", False),
    ],
)
def test_loopback_addresses_are_known(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_a_key_is_read_and_a_file_open_to_others_is_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("k" * 16 + "\n")
    file.chmod(0o600)
    assert read_key(file) == ("k" * 16, None)
    file.chmod(0o644)
    key, warning = read_key(file)
    assert key == "k" * 16
    assert warning is not None
    assert "chmod 600" in warning


@pytest.mark.parametrize(
    "content", [b"", b"short\n", b"k" * 20 + b"\n" + b"k" * 20, b"k k" * 20, b"\xff" * 20]
)
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="key"):
        read_key(file)


def test_a_missing_key_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_key(tmp_path / "none")
