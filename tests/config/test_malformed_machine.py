"""Every malformed machine is refused by one line that names the file, the line and the field."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.config import load_machine, machine_from_yaml
from accelsim.errors import AccelsimError

GOOD = """\
format: accelsim-machine/1
name: small
description: noise on any neurons
clock_mhz: 500
cores: 1
split: contiguous
mvu:
  vpus: 16
  bricks_per_vpu: 64
  pipeline_depth_cycles: 6
  accumulate_latency_cycles: 3
  accumulators_per_vpu: 16
  position_block: 4
  hold_weights: false
  spare_vpus: idle
weight_sram:  {kib: 2048, macro_kib: 32, width_bits: 64}
input_sram:   {kib: 512, macro_kib: 32, width_bits: 256, banks: 1}
patch_buffer: {kib: 128, macro_kib: 16, width_bits: 512}
result_buffer: {kib: 24, macro_kib: 1, width_bits: 16}
output_sram:  {kib: 512, macro_kib: 32, width_bits: 64, banks: 1}
projection: {lanes: 96, quantizers: 16}
selector: {kind: threshold, comparators: 16, latency_cycles: 1}
sequencer: {lookahead: 1, mvu_order: approximate_first}
dram: null
"""

# name: (text to replace, what replaces it, field, what the message says)
EDITS: dict[str, tuple[str, str, str, str]] = {
    "bricks not a multiple of 16": (
        "bricks_per_vpu: 64",
        "bricks_per_vpu: 40",
        "mvu.bricks_per_vpu",
        "40 is not a multiple of 16",
    ),
    "no bricks": (
        "bricks_per_vpu: 64",
        "bricks_per_vpu: 0",
        "mvu.bricks_per_vpu",
        "0 is below the least allowed, 16",
    ),
    "zero vpus": ("vpus: 16", "vpus: 0", "mvu.vpus", "0 is below the least allowed, 1"),
    "negative vpus": ("vpus: 16", "vpus: -4", "mvu.vpus", "-4 is below"),
    "too many vpus": ("vpus: 16", "vpus: 5000", "mvu.vpus", "above the most allowed, 4096"),
    "astronomic vpus": ("vpus: 16", "vpus: " + "9" * 90, "mvu.vpus", "above the most allowed, 4096"),
    "too long an integer": ("vpus: 16", "vpus: " + "9" * 9000, "mvu.vpus", "a whole number"),
    "float vpus": ("vpus: 16", "vpus: 16.5", "mvu.vpus", "must be a whole number, not 16.5"),
    "integral float vpus": ("vpus: 16", "vpus: 16.0", "mvu.vpus", "must be a whole number, not 16.0"),
    "exponent vpus": ("vpus: 16", "vpus: 1e2", "mvu.vpus", "must be a whole number, not 100.0"),
    "quoted vpus": ("vpus: 16", "vpus: '16'", "mvu.vpus", "must be a whole number, not '16'"),
    "octal vpus": ("vpus: 16", "vpus: 020", "mvu.vpus", "must be a whole number, not '020'"),
    "sexagesimal vpus": ("vpus: 16", "vpus: 1:30", "mvu.vpus", "must be a whole number, not '1:30'"),
    "boolean vpus": ("vpus: 16", "vpus: true", "mvu.vpus", "must be a whole number, not true"),
    "null vpus": ("vpus: 16", "vpus:", "mvu.vpus", "must be a whole number, not nothing"),
    "list for a number": ("vpus: 16", "vpus: [16]", "mvu.vpus", "must be a whole number, not a list"),
    "section for a number": (
        "vpus: 16",
        "vpus: {n: 16}",
        "mvu.vpus",
        "must be a whole number, not a section",
    ),
    "unit in the value": ("clock_mhz: 500", "clock_mhz: 500 MHz", "clock_mhz", "must be a whole number"),
    "nan clock": ("clock_mhz: 500", "clock_mhz: .nan", "clock_mhz", "must be a"),
    "infinite clock": ("clock_mhz: 500", "clock_mhz: .inf", "clock_mhz", "must be a"),
    "zero clock": ("clock_mhz: 500", "clock_mhz: 0", "clock_mhz", "0 is below"),
    "no cores": ("cores: 1", "cores: 0", "cores", "0 is below"),
    "more positions than psums": (
        "position_block: 4",
        "position_block: 17",
        "mvu.position_block",
        "17 positions",
    ),
    "zero accumulate latency": (
        "accumulate_latency_cycles: 3",
        "accumulate_latency_cycles: 0",
        "mvu.accumulate_latency_cycles",
        "0 is below",
    ),
    "yes for a boolean": (
        "hold_weights: false",
        "hold_weights: yes",
        "mvu.hold_weights",
        "must be true or false",
    ),
    "number for a boolean": (
        "hold_weights: false",
        "hold_weights: 0",
        "mvu.hold_weights",
        "must be true or false",
    ),
    "bad enum": (
        "spare_vpus: idle",
        "spare_vpus: shared",
        "mvu.spare_vpus",
        "'shared' is not allowed; allowed: 'idle'",
    ),
    "bad split": ("split: contiguous", "split: blocks", "split", "allowed: 'contiguous' or 'interleaved'"),
    "bad order": (
        "approximate_first",
        "newest_first",
        "sequencer.mvu_order",
        "'newest_first' is not allowed",
    ),
    "wrong format version": (
        "accelsim-machine/1",
        "accelsim-machine/2",
        "format",
        "allowed: 'accelsim-machine/1'",
    ),
    "another format": (
        "accelsim-machine/1",
        "accelsim-technology/1",
        "format",
        "allowed: 'accelsim-machine/1'",
    ),
    "missing format": ("format: accelsim-machine/1\n", "", "format", "missing"),
    "misspelt key": (
        "lookahead: 1",
        "lookahed: 1",
        "sequencer.lookahed",
        "unknown key `lookahed`; did you mean `lookahead`?",
    ),
    "misspelt section": ("input_sram:", "inputs_sram:", "inputs_sram", "did you mean `input_sram`?"),
    "unit left out of a key": ("clock_mhz: 500", "clock: 500", "clock", "did you mean `clock_mhz`?"),
    "wrong unit in a key": (
        "{kib: 512, macro_kib: 32, width_bits: 64",
        "{mib: 1, macro_kib: 32, width_bits: 64",
        "output_sram.mib",
        "unknown key `mib`",
    ),
    "strange key": (
        "cores: 1",
        "cores: 1\ncolour: red",
        "colour",
        "allowed: format, name, description, clock_mhz",
    ),
    "number for a key": ("cores: 1", "cores: 1\n12: 3", "12", "unknown key `12`"),
    "duplicate key": ("cores: 1", "cores: 1\ncores: 2", "cores", "given twice (first on line"),
    "duplicate nested key": ("vpus: 16", "vpus: 16\n  vpus: 17", "mvu.vpus", "given twice"),
    "missing key": ("macro_kib: 16, ", "", "patch_buffer.macro_kib", "missing"),
    "missing section": (
        "patch_buffer: {kib: 128, macro_kib: 16, width_bits: 512}\n",
        "",
        "patch_buffer",
        "missing",
    ),
    "list for a section": (
        "patch_buffer: {kib: 128, macro_kib: 16, width_bits: 512}",
        "patch_buffer: [128, 16, 64]",
        "patch_buffer",
        "must be a section of keys, not a list",
    ),
    "text for a section": (
        "patch_buffer: {kib: 128, macro_kib: 16, width_bits: 512}",
        "patch_buffer: big",
        "patch_buffer",
        "must be a section of keys, not 'big'",
    ),
    "macro larger than memory": (
        "kib: 128, macro_kib: 16",
        "kib: 8, macro_kib: 16",
        "patch_buffer.macro_kib",
        "a macro of 16 KiB is larger than the memory of 8 KiB",
    ),
    "width not a multiple of 16": (
        "width_bits: 256",
        "width_bits: 250",
        "input_sram.width_bits",
        "multiple of 16",
    ),
    "zero SRAM": ("{kib: 2048", "{kib: 0", "weight_sram.kib", "0 is below"),
    "huge SRAM": ("{kib: 2048", "{kib: 99999999999", "weight_sram.kib", "above the most allowed, 1048576"),
    "no banks": ("width_bits: 256, banks: 1", "width_bits: 256, banks: 0", "input_sram.banks", "0 is below"),
    "banks where there are none": (
        "macro_kib: 16, width_bits: 512",
        "macro_kib: 16, width_bits: 512, banks: 2",
        "patch_buffer.banks",
        "unknown key `banks`",
    ),
    "line narrower than a window": (
        "macro_kib: 16, width_bits: 512",
        "macro_kib: 16, width_bits: 128",
        "patch_buffer",
        "width_bits 128 is not a whole multiple of the 256 bits that input_sram brings in a cycle",
    ),
    "line of one window and a half": (
        "macro_kib: 16, width_bits: 512",
        "macro_kib: 16, width_bits: 384",
        "patch_buffer",
        "width_bits 384 is not a whole multiple",
    ),
    "window of more banks than a line takes": (
        "width_bits: 256, banks: 1",
        "width_bits: 256, banks: 4",
        "patch_buffer",
        "width_bits 512 is not a whole multiple of the 1024 bits",
    ),
    "result buffer of two words": (
        "macro_kib: 1, width_bits: 16",
        "macro_kib: 1, width_bits: 32",
        "result_buffer.width_bits",
        "32 bits; the result buffer is read and written one word of 16 bits at a time",
    ),
    "no lanes": ("lanes: 96", "lanes: 0", "projection.lanes", "0 is below the least allowed, 1"),
    "no quantizers": ("quantizers: 16", "quantizers: 0", "projection.quantizers", "0 is below"),
    "lanes that the quantizers do not empty evenly": (
        "quantizers: 16",
        "quantizers: 36",
        "projection.quantizers",
        "the 96 lanes are not a whole multiple of 36 quantizers",
    ),
    "an accumulator file": (
        "quantizers: 16",
        "quantizers: 16, accumulators: 1536",
        "projection.accumulators",
        "unknown key `accumulators`",
    ),
    "adders instead of lanes": (
        "lanes: 96",
        "adders: 512",
        "projection.adders",
        "unknown key `adders`",
    ),
    "selector without projection": (
        "projection: {lanes: 96, quantizers: 16}\n",
        "",
        "selector",
        "has a selector but no projection",
    ),
    "codes of pixels for a projection of patches": (
        "dram: null",
        "dram: null\ncode_sram: {kib: 8, macro_kib: 8, width_bits: 16, banks: 1}",
        "code_sram",
        "only a projection of form none or pixel has a code SRAM",
    ),
    "no codes for form none": (
        "projection: {lanes: 96, quantizers: 16}",
        "projection: {form: none, quantizers: 16}",
        "code_sram",
        "missing; a projection of form none keeps its codes there",
    ),
    "lanes for form none": (
        "projection: {lanes: 96, quantizers: 16}",
        "projection: {form: none, lanes: 96, quantizers: 16}",
        "projection.lanes",
        "projection.form none goes with no projection.lanes, not 96",
    ),
    "no lanes for form pixel": (
        "projection: {lanes: 96, quantizers: 16}",
        "projection: {form: pixel, quantizers: 16}",
        "projection.lanes",
        "missing; projection.form pixel needs projection.lanes",
    ),
    "form": (
        "projection: {lanes: 96, quantizers: 16}",
        "projection: {form: row, lanes: 96, quantizers: 16}",
        "projection.form",
        "'row' is not allowed",
    ),
    "precisions without 16 bits": (
        "hold_weights: false",
        "hold_weights: false\n  precise_bits: [8]",
        "mvu.precise_bits",
        "precise_bits holds 16, and may hold 8 and 4, each once",
    ),
    "a precision that there is not": (
        "hold_weights: false",
        "hold_weights: false\n  precise_bits: [16, 2]",
        "mvu.precise_bits.1",
        "2 is not allowed",
    ),
    "unknown selector": (
        "kind: threshold",
        "kind: sort",
        "selector",
        "kind 'sort' is not allowed; allowed: 'threshold', 'nm'",
    ),
    "selector without kind": ("kind: threshold, ", "", "selector", "missing key `kind`"),
    "key of the other selector": (
        "comparators: 16",
        "comparators: 16, max_of: 8",
        "selector.max_of",
        "unknown key `max_of`",
    ),
    "nm selector with comparators": (
        "kind: threshold",
        "kind: nm",
        "selector.comparators",
        "unknown key `comparators`",
    ),
    "dram energy not a number": (
        "dram: null",
        "dram: {bytes_per_cycle: 8, latency_cycles: 9, pj_per_bit: .nan, source: x}",
        "dram.pj_per_bit",
        "must be a finite number, not nan",
    ),
    "negative dram energy": (
        "dram: null",
        "dram: {bytes_per_cycle: 8, latency_cycles: 9, pj_per_bit: -1.0, source: x}",
        "dram.pj_per_bit",
        "-1.0 is below the least allowed, 0",
    ),
    "unsourced dram": (
        "dram: null",
        "dram: {bytes_per_cycle: 8, latency_cycles: 9, pj_per_bit: 1}",
        "dram.source",
        "missing",
    ),
    "name with a space": ("name: small", "name: my machine", "name", "(given 'my machine')"),
    "empty name": ("name: small", "name: ''", "name", "(given '')"),
    "number for a text": ("description: noise", "description: 5 #", "description", "must be a text, not 5"),
}

# name: (whole content of the file, what the message says)
FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty, not a machine file"),
    "only a comment": (b"# nothing\n", "empty, not a machine file"),
    "a list": (b"- 1\n- 2\n", "a machine file is a mapping of keys to values"),
    "a scalar": (b"42", "a machine file is a mapping of keys to values"),
    "binary": (b"\x89HDF\r\n\x1a\n\x00\xff\xfe", "not UTF-8 text"),
    "control characters": (b"name: a\nclock_mhz: \x01\n", ":2: control character, not a text file"),
    "latin-1": ("format: accelsim-machine/1\nname: caf\u00e9\n".encode("latin-1"), ":2: not UTF-8 text"),
    "unclosed bracket": (b"mvu: {vpus: 1\nname: x\n", "not valid YAML"),
    "tab indentation": (b"mvu:\n\tvpus: 1\n", ":2: not valid YAML"),
    "bad indentation": (b"mvu:\n  vpus: 1\n bricks: 2\n", ":3: not valid YAML"),
    "two documents": (b"a: 1\n---\nb: 2\n", "not valid YAML"),
    "alias": (b"a: &x 1\nb: *x\n", ":2: not valid YAML: aliases (*name) are not allowed"),
    "python tag": (b"name: !!python/object/apply:os.getcwd []\n", ":1: tag"),
    "own tag": (b"name: !secret x\n", ":1: tag '!secret' is not allowed"),
    "list for a key": (b"? [a, b]\n: 1\n", ":1: a key must be a name"),
    "nested too deeply": (b"a: " + b"[" * 200_000, "nested too deeply"),
    "too large": (b"#" + b" " * (1 << 20), "larger than 1 MiB"),
    "merge key": (b"<<: {a: 1}\n" + GOOD.encode(), "field <<: unknown key `<<`"),
}


def _refusal(path: Path | str) -> str:
    with pytest.raises(AccelsimError) as caught:
        load_machine(path)
    message = str(caught.value)
    assert "\n" not in message and message.isprintable() and len(message) < 600
    return message


@pytest.mark.parametrize("name", EDITS)
def test_malformed_field(name: str, tmp_path: Path) -> None:
    old, new, field, says = EDITS[name]
    assert GOOD.count(old) == 1
    path = tmp_path / "bad.yaml"
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    message = _refusal(path)
    assert re.match(rf"{re.escape(str(path))}:[0-9]+: field {re.escape(field)}: ", message), message
    assert says in message


@pytest.mark.parametrize(
    ("name", "line_holds"),
    [
        ("bricks not a multiple of 16", "bricks_per_vpu"),
        ("misspelt key", "lookahed"),
        ("zero SRAM", "weight_sram"),
        ("missing key", "patch_buffer"),
        ("duplicate nested key", "vpus: 17"),
    ],
)
def test_the_line_is_the_one_at_fault(name: str, line_holds: str, tmp_path: Path) -> None:
    old, new, _, _ = EDITS[name]
    path = tmp_path / "bad.yaml"
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    line = int(_refusal(path).removeprefix(f"{path}:").split(":")[0])
    assert line_holds in path.read_text(encoding="utf-8").splitlines()[line - 1]


@pytest.mark.parametrize("name", FILES)
def test_malformed_file(name: str, tmp_path: Path) -> None:
    content, says = FILES[name]
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    message = _refusal(path)
    assert message.startswith(str(path)) and says in message


def test_the_unspoilt_file_is_a_machine() -> None:
    assert machine_from_yaml(GOOD).name == "small"


def test_no_file(tmp_path: Path) -> None:
    assert _refusal(tmp_path / "none.yaml") == f"{tmp_path / 'none.yaml'}: no such machine file"
    assert "cannot read the machine file from a folder" in _refusal(tmp_path)
    assert "cannot read the machine file: embedded null byte" in _refusal("nul\0l.yaml")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_file_is_refused_in_one_line_or_is_a_machine(data: st.DataObject) -> None:
    """Cut, or with a few characters replaced: never another exception than the one the CLI prints."""
    text = GOOD[: data.draw(st.integers(0, len(GOOD)))] if data.draw(st.booleans()) else GOOD
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.text(max_size=3)) + text[at + 1 :]
    try:
        machine = machine_from_yaml(text, "damaged.yaml")
    except AccelsimError as error:
        assert str(error).startswith("damaged.yaml") and "\n" not in str(error)
    else:
        assert machine_from_yaml(machine.to_yaml()) == machine
