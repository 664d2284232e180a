"""Make the bundled sample of operands again, and show how far fixed point is from float.

    python traces/operands/make_operands.py --data DATA

DATA holds CIFAR-10's binary files (default: $ACCELSIM_DATA). The checkpoint is the bundled one.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
import torch
from torch import Tensor, nn

from accelsim.cli.options import FILE, data_option
from accelsim.cli.program import program
from accelsim.files import check_output_file
from accelsim.nn.data.cifar import load_cifar10, to_float
from accelsim.nn.fixed_point.agreement import agreement, float_layer
from accelsim.nn.fixed_point.fixed_point_reference import fixed_point_layer
from accelsim.nn.fixed_point.from_network import (
    choose_formats,
    input_words,
    layer_input,
    named_layer,
    network_operands,
)
from accelsim.nn.fixed_point.sample import SampledMap, result_crc32, save_sample
from accelsim.nn.injection.conversion import non_essential_layers
from accelsim.nn.injection.converted_checkpoint import load_converted
from accelsim.tables import frame_of, markdown_table
from accelsim.trace import Scheme, open_trace

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CHECKPOINT = ROOT / "models" / "checkpoints" / "resnet18-cifar10.safetensors"
TRACE = ROOT / "traces" / "resnet18-cifar10.h5"
IMAGE = 0
SCHEMES = ("dense", "unstructured-87.5", "nm-1of8")
LAYERS = tuple(f"layer{stage}.1.conv2" for stage in (1, 2, 3, 4))
"""One 3x3 layer of each stage, as wide as the stage on both sides."""


def sampled_map(model: nn.Module, layer: str, image: Tensor, scheme: Scheme) -> SampledMap:
    """The input of a layer in fixed point, and the checksum of what the reference makes of it."""
    module, x = named_layer(model, layer), layer_input(model, layer, image, scheme)
    formats = choose_formats(module, x, scheme)
    words = input_words(module, x, formats, scheme)
    result = fixed_point_layer(network_operands(module, words, formats, scheme))
    return SampledMap(scheme, layer, formats, words, result_crc32(result))


def show_agreement(model: nn.Module, image: Tensor, scheme: Scheme) -> None:
    """A table of all converted layers: fixed point beside float, and beside the masks of the bundled trace."""
    rows = []
    trace = open_trace(TRACE)
    for name, module in non_essential_layers(model):
        x = layer_input(model, name, image, scheme)
        formats = choose_formats(module, x, scheme)
        fixed = fixed_point_layer(
            network_operands(module, input_words(module, x, formats, scheme), formats, scheme)
        )
        found = agreement(fixed, float_layer(module, x, scheme), formats)
        recorded = trace.layer(name, scheme.name, images=slice(IMAGE, IMAGE + 1)).essential()[0]
        same = (fixed.mask == recorded).mean()
        rows.append([name, module.k, 100 * found.masks, 100 * same, found.snr_noise_db, found.snr_precise_db])
    formats = {
        "masks as in float %": ".3f",
        "as in the trace %": ".3f",
        "SNR of z~, dB": ".1f",
        "of z, dB": ".1f",
    }
    print()
    print(markdown_table(frame_of(rows, [scheme.name, "k", *formats]), formats=formats), end="")


@program("python traces/operands/make_operands.py", __doc__, goes_on_from="the beginning")
@data_option
@click.option(
    "--out",
    type=FILE,
    default=HERE / "resnet18-cifar10.npz",
    show_default="beside this script",
    help="The file to write.",
)
def main(data: str | None, out: Path) -> None:
    """Sample the maps, write them, and print how well the integers agree with the network."""
    # One thread: each sum then has one order, so the maps do not depend on the machine's core count.
    torch.set_num_threads(1)
    check_output_file(out, regular_only=True)
    converted = load_converted(CHECKPOINT)
    image = to_float(load_cifar10(data, train=False).images[IMAGE : IMAGE + 1])
    schemes = [Scheme.parse(name) for name in SCHEMES]
    maps = [sampled_map(converted.model, layer, image, scheme) for scheme in schemes for layer in LAYERS]
    save_sample(out, converted.weights_sha256, "cifar10-test", IMAGE, maps)
    print(f"{out}: {len(maps)} maps, {out.stat().st_size:,} bytes")
    for scheme in schemes:
        if scheme.kind != "dense":
            show_agreement(converted.model, image, scheme)


if __name__ == "__main__":
    sys.exit(main())
