"""INT4 against torch's own fake quantization and against a brute search of the scale."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from accelsim.nn.layers.quantize import best_scale, int4_codes, pack_int4, unpack_int4


@given(seed=st.integers(0, 1000), scale=st.floats(2**-10, 10.0, width=32))
def test_values_and_gradients_as_torch(seed: int, scale: float) -> None:
    x = torch.randn(300, generator=torch.Generator().manual_seed(seed)) * 6 * scale
    x[:15] = torch.arange(-7, 8) * scale + scale / 2  # halves
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    weight = torch.arange(300.0)
    (int4_codes(ours, torch.tensor(scale)) * scale * weight).sum().backward()
    (torch.fake_quantize_per_tensor_affine(theirs, scale, 0, -7, 7) * weight).sum().backward()
    with torch.no_grad():
        expected = torch.fake_quantize_per_tensor_affine(x, scale, 0, -7, 7)
        assert torch.equal(int4_codes(x, torch.tensor(scale)) * scale, expected)
    assert ours.grad is not None and theirs.grad is not None
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-6, atol=0)


def test_best_scale_beats_the_largest_value_and_is_near_the_best() -> None:
    x = torch.randn(4, 2000, generator=torch.Generator().manual_seed(1))
    x[3] = 0

    def error(row: torch.Tensor, scale: torch.Tensor) -> float:
        return float((int4_codes(row, scale) * scale - row).square().sum())

    chosen = best_scale(x)
    assert chosen[3] == 1.0
    for row, scale in zip(x[:3], chosen[:3], strict=True):
        least = min(error(row, torch.tensor(s)) for s in torch.linspace(0.02, 1.0, 2000).tolist())
        assert error(row, scale) < error(row, row.abs().max() / 7)
        assert error(row, scale) <= 1.02 * least


@given(st.lists(st.integers(-7, 7), max_size=33))
def test_packing_round_trip(codes: list[int]) -> None:
    tensor = torch.tensor(codes, dtype=torch.int8)
    packed = pack_int4(tensor)
    assert len(packed) == (len(codes) + 1) // 2
    assert torch.equal(unpack_int4(packed, (len(codes),)), tensor)


def test_packing_nibble_order() -> None:
    assert pack_int4(torch.tensor([1, -1, 7])).tolist() == [0xF1, 0x07]
