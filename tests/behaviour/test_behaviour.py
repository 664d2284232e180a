"""What accelsim computes is, to the digit, what digest.json has recorded."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from accelsim.version import MODEL_VERSION
from tests.behaviour import behaviour, record
from tests.behaviour.behaviour import (
    SECTIONS,
    Section,
    differences,
    environment,
    recorded,
    section_digest,
    section_of,
)


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
            + "\n(if counts or costs have changed, raise MODEL_VERSION in accelsim/version.py first).",
            pytrace=False,
        )


def test_digest_is_whole() -> None:
    content = recorded()
    assert content["model_version"] == MODEL_VERSION, (
        f"digest.json was recorded for model version {content['model_version']}, and accelsim/version.py says "
        f"{MODEL_VERSION}: record it again with python -m tests.behaviour.record"
    )
    digest = content["digest"]
    assert {key.split("/")[0] for key in digest} == set(SECTIONS)
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in digest.values())


def test_differences_name_every_key() -> None:
    found = differences({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "4"})
    assert found == ["changed: b", "gone:    c", "new:     d"]


def test_counts_change_with_the_model_version_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "digest.json"
    keys = {"reference/net/dense/counts": "1", "reference/net/labels": "1", "verilog/mvu": "1"}
    sections = {
        "reference": Section(
            lambda: {name: now for name, now in computed.items() if name != "mvu"}, is_model=True
        ),
        "verilog": Section(lambda: {"mvu": computed["mvu"]}),
    }
    for module in (behaviour, record):
        monkeypatch.setattr(module, "SECTIONS", sections)
        monkeypatch.setattr(module, "DIGEST", place)
    computed = {"net/dense/counts": "1", "net/labels": "2", "mvu": "2"}
    place.write_text(json.dumps({"model_version": MODEL_VERSION, "recorded_with": {}, "digest": keys}))
    assert record.main([]) == 0  # neither names nor Verilog are counts
    computed["net/dense/counts"] = "2"
    before = place.read_text()
    assert record.main([]) == 1 and place.read_text() == before
    assert "raise MODEL_VERSION in accelsim/version.py" in capsys.readouterr().err
    monkeypatch.setattr(record, "MODEL_VERSION", MODEL_VERSION + 1)
    assert record.main([]) == 0
    content = json.loads(place.read_text())
    assert content["model_version"] == MODEL_VERSION + 1
    assert content["digest"]["reference/net/dense/counts"] == "2"
