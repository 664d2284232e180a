"""Masks that break their scheme, with all checksums right, are refused by everything that reads masks."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
from click.testing import CliRunner

from accelsim import compare, simulate
from accelsim.cli import cli
from accelsim.errors import AccelsimError
from accelsim.trace import Approximation, LayerShape, LayerTrace, Scheme, TraceWriter, check_trace, open_trace
from accelsim.trace.packed_masks import check_packed, pack

EXACT = [
    Scheme.unstructured(0.9),
    Scheme.unstructured(0.75, scope="position"),
    *(
        Scheme.nm(keep, of)
        for keep, of in ((1, 2), (2, 4), (1, 8), (3, 16), (5, 32), (9, 64), (2, 5), (1, 24))
    ),
]
SHAPE = LayerShape(kind="conv", c_in=4, c_out=72, kernel=(1, 1), h_in=1, w_in=3)
GROUPED = LayerShape(kind="conv", c_in=4, c_out=40, kernel=(1, 1), groups=4, h_in=2, w_in=2)
P = Approximation(k=4, nnz=4, seed=0)


def sound_masks(scheme: Scheme, shape: LayerShape, images: int, seed: int) -> np.ndarray:
    z = np.random.default_rng(seed).normal(size=(images, shape.positions, shape.n))
    masks: np.ndarray = scheme.essential_mask(z, shape.groups)
    return masks


def broken_trace(path: Path, scheme: Scheme, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One of two images has a neuron too many."""
    masks = sound_masks(scheme, SHAPE, 2, seed=1)
    masks[1].reshape(-1)[np.flatnonzero(~masks[1])[0]] = True
    with monkeypatch.context() as patch:
        patch.setattr("accelsim.trace.writer.check_structure", lambda *_: None)
        with TraceWriter(path, network="n", dataset="d", image_ids=[0, 1]) as writer:
            writer.add_layer("a", SHAPE, P)
            writer.add_scheme(scheme)
            writer.write(scheme, "a", masks)
    return path


@pytest.mark.parametrize("shape", [SHAPE, GROUPED], ids=["plain", "grouped"])
@pytest.mark.parametrize("scheme", EXACT, ids=lambda scheme: scheme.name)
def test_any_wrong_neuron_is_found(scheme: Scheme, shape: LayerShape) -> None:
    """Of packed masks, one bit more or less, anywhere, is found, and sound ones never are."""
    rng = Random(3)
    for seed in range(5):
        masks = sound_masks(scheme, shape, 3, seed)
        check_packed(pack(masks), shape, scheme, "here")
        LayerTrace.from_masks("a", shape, scheme, masks, P)
        for _ in range(20):
            image, position, neuron = rng.randrange(3), rng.randrange(shape.positions), rng.randrange(shape.n)
            wrong = masks.copy()
            wrong[image, position, neuron] ^= True
            with pytest.raises(AccelsimError, match=f"^here: image {7 + image}.*needs exactly"):
                check_packed(pack(wrong), shape, scheme, "here", first_image=7)
            with pytest.raises(AccelsimError, match="needs exactly"):
                LayerTrace.from_masks("a", shape, scheme, wrong, P)


def test_a_calibrated_threshold_promises_no_share() -> None:
    masks = np.random.default_rng(0).random((4, SHAPE.positions, SHAPE.n)) < 0.3
    LayerTrace.from_masks("a", SHAPE, Scheme.unstructured(0.5, scope="calibrated"), masks, P)


@pytest.mark.parametrize("scheme", EXACT[:4], ids=lambda scheme: scheme.name)
def test_whatever_check_finds_is_not_simulated(
    scheme: Scheme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = broken_trace(tmp_path / "t.h5", scheme, monkeypatch)
    (problem,) = check_trace(path).problems
    machine = "structured" if scheme.kind == "nm" else "unstructured"
    with pytest.raises(AccelsimError) as read:
        open_trace(path).layer("a", scheme.name)
    assert str(read.value) == problem
    for act in (lambda: simulate(path, machine), lambda: compare(path)):
        with pytest.raises(AccelsimError) as refused:
            act()
        assert str(refused.value) == problem
    assert simulate(path, machine, images=slice(0, 1)).rows  # what is asked for is sound
    sweep = tmp_path / "s.yaml"
    sweep.write_text(f"format: accelsim-sweep/1\nname: s\nmachines: [{machine}]\ntraces: [t.h5]\n")
    timeline = [str(path), "--machine", machine, "--scheme", scheme.name, "--layer", "a"]
    timeline += ["--image", "1", "--out", str(tmp_path / "t.json")]
    commands = (
        ["run", str(path), "--machine", machine, "--out", str(tmp_path / "r")],
        ["compare", str(path), "--out", str(tmp_path / "c")],
        ["bitops", str(path)],
        ["timeline", *timeline],
        ["sweep", str(sweep), "--db", str(tmp_path / "s.db")],
    )
    for command in commands:
        done = CliRunner().invoke(cli, command)
        assert isinstance(done.exception, AccelsimError), (command, done.output)
        assert problem in str(done.exception), command
