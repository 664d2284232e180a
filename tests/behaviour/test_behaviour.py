"""What accelsim computes is, to the digit, what digest.json has recorded."""

from __future__ import annotations

import re

import pytest

from tests.behaviour.behaviour import SECTIONS, differences, environment, recorded, section_digest, section_of


@pytest.mark.slow
@pytest.mark.parametrize("name", SECTIONS)
def test_behaviour_is_as_recorded(name: str) -> None:
    if missing := SECTIONS[name].missing:
        pytest.skip(f"needs {', '.join(missing)}")
    content = recorded()
    found = differences(section_of(content["digest"], name), section_digest(name))
    if found:
        pytest.fail(
            f"{len(found)} keys of section {name} differ from tests/behaviour/digest.json:\n  "
            + "\n  ".join(found)
            + f"\nRecorded with {content['recorded_with']}; this is {environment()}."
            + f"\nIf the change is deliberate: python -m tests.behaviour.record {name}"
            + "\n(and raise model_version in that file if counts have changed).",
            pytrace=False,
        )


def test_digest_is_whole() -> None:
    content = recorded()
    assert type(content["model_version"]) is int and content["model_version"] >= 1
    digest = content["digest"]
    assert {key.split("/")[0] for key in digest} == set(SECTIONS)
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in digest.values())


def test_differences_name_every_key() -> None:
    found = differences({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "4"})
    assert found == ["changed: b", "gone:    c", "new:     d"]
