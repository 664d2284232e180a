"""``accelsim prepare`` and ``accelsim accuracy``: from a trained network to a converted checkpoint."""

from __future__ import annotations

from pathlib import Path

import click

from accelsim.cli.options import (
    FILE,
    data_option,
    dataset_option,
    device_option,
    linear_option,
    precision_option,
    projection_options,
    seed_option,
    threads_option,
)
from accelsim.extras import require_torch
from accelsim.files import check_output_file
from accelsim.forms import Form
from accelsim.nn.layers.projection_forms import Density


@click.command()
@click.option("--weights", type=FILE, help="A training checkpoint: weights.safetensors of a training run.")
@click.option("--model", help="Your own network instead, module:factory (any torch.nn.Module).")
@data_option
@dataset_option
@click.option("--out", required=True, type=FILE, help="The converted checkpoint to write.")
@projection_options()
@precision_option
@click.option(
    "--images", type=int, default=2000, show_default=True, help="Number of training images to distill on."
)
@seed_option("Seed of P, of the choice of images and of distillation.")
@click.option(
    "--method",
    type=click.Choice(["lstsq", "sgd"]),
    default="lstsq",
    show_default=True,
    help="How to distill: the exact least squares, or the paper's momentum SGD.",
)
@click.option(
    "--epochs",
    type=int,
    default=1,
    show_default=True,
    help="Passes over the images with --method sgd (the paper: 50).",
)
@linear_option("Convert linear layers too.")
@threads_option
@device_option
def prepare(
    weights: Path | None,
    model: str | None,
    data: str | None,
    dataset: str,
    out: Path,
    form: Form,
    k_ratio: float | None,
    density: Density | None,
    precision_rule: str,
    images: int,
    seed: int,
    method: str,
    epochs: int,
    linear: bool,
    threads: int | None,
    device: str,
) -> None:
    """Round a trained network to float16, convert it, distill its approximations, and save the checkpoint.

    Needs PyTorch (the extra `train`). --model takes a callable without arguments that returns a trained torch.nn.Module for
    images of the data set in [0, 1]. For other data use convert, distill and save_converted of accelsim.nn.

    \b
    Examples: accelsim prepare --weights RUN/weights.safetensors --data DATA --out CONVERTED
              accelsim prepare --model mypackage.nets:trained --data DATA --out CONVERTED
    """
    check_output_file(out, regular_only=True)  # before the images are read, too
    require_torch("prepare")
    from accelsim.nn.base.device import use_threads
    from accelsim.nn.data.cifar import load_cifar
    from accelsim.nn.preparation import prepare

    use_threads(threads)
    fits = prepare(
        out,
        load_cifar(dataset, data, train=True),
        weights=weights,
        model=model,
        form=form,
        k_ratio=k_ratio,
        density=density,
        precision_rule=precision_rule,
        images=images,
        seed=seed,
        linear=linear,
        device=device,
        method=method,  # type: ignore[arg-type]  # click has checked it
        epochs=epochs,
        progress=lambda text: click.echo(text, err=True),
    )
    for fit in fits:
        click.echo(f"{fit.name}: error {fit.relative_error:.4f} float, {fit.relative_error_int4:.4f} INT4")
    if without := [fit.name for fit in fits if not fit.batch_norm]:
        click.echo(
            f"no batch norm follows, so the criteria norm and normsigned rank z~ itself: {', '.join(without)}"
        )


@click.command()
@data_option
@dataset_option
@click.option(
    "--weights",
    required=True,
    type=FILE,
    help="A training checkpoint: weights.safetensors of a training run.",
)
@click.option("--images", type=int, help="Test only the first images, as many as this. Default: all.")
@device_option
def accuracy(data: str | None, dataset: str, weights: Path, images: int | None, device: str) -> None:
    """Measure a trained network's clean accuracy on the test images of CIFAR-10 or CIFAR-100.

    Needs PyTorch (the extra `train`).

    \b
    Example: accelsim accuracy --weights RUN/weights.safetensors --data DATA
    """
    require_torch("accuracy")
    from accelsim.nn.base.device import torch_device
    from accelsim.nn.clean_accuracy import accuracy, load_trained
    from accelsim.nn.data.cifar import load_cifar

    target = torch_device(device)
    network, name = load_trained(weights)
    network.to(target)
    right, tested = accuracy(network, load_cifar(dataset, data, train=False), images)
    click.echo(f"{name}: {right / tested:.4f} of {tested} test images right")
