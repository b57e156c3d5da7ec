"""Names to builders: helpful misses, no swallowed errors, no duplicates."""

from __future__ import annotations

import pytest

from upprint.detector import Detector
from upprint.result import ConfigError, UnknownSystem
from upprint.systems import _registry, create, list_systems, register


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    list_systems()
    builders = dict(_registry._BUILDERS)
    monkeypatch.setattr(_registry, "_BUILDERS", builders)
    return builders


def test_names_are_sorted_and_buildable() -> None:
    names = list_systems()
    assert names == sorted(set(names))
    assert "npr" in names
    assert isinstance(create("npr"), Detector)


def test_a_miss_names_what_is_near_and_all_there_is() -> None:
    with pytest.raises(UnknownSystem, match=r"no system 'nrp'; did you mean npr\b.*\?.*known: .*npr"):
        create("nrp")
    with pytest.raises(UnknownSystem) as caught:
        create("zzzzzz")
    assert "did you mean" not in str(caught.value)


def test_an_unknown_option_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"system 'npr'.*blocks.*its options: block, anchor"):
        create("npr", blocks=2)


def test_a_fault_inside_a_builder_is_not_taken_for_a_wrong_option(scratch: dict[str, object]) -> None:
    def faulty() -> Detector:
        raise TypeError("inside")

    register(faulty)
    assert "faulty" in scratch
    with pytest.raises(TypeError, match="inside"):
        create("faulty")


def test_a_name_is_registered_once(scratch: dict[str, object]) -> None:
    def npr() -> Detector:
        raise AssertionError

    before = scratch["npr"]
    with pytest.raises(ConfigError, match=r"'npr' is registered twice"):
        register(npr)
    assert scratch["npr"] is before
