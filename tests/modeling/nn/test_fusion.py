"""Cross-attention fusion: each vector is informed by the other, and the architecture survives a checkpoint."""

import pytest
import torch

from modeling.nn.fusion import CrossAttentionFusion
from modeling.nn.umicon import UMiCon
from tests.modeling.small_models import small_vision


@pytest.fixture
def vectors():
    torch.manual_seed(1)
    return torch.randn(3, 128), torch.randn(3, 128)


def test_each_vector_depends_on_both(vectors):
    torch.manual_seed(0)
    fusion = CrossAttentionFusion(128)
    image, report = (vector.requires_grad_() for vector in vectors)
    seen, read = fusion(image, report)
    assert seen.shape == read.shape == (3, 128)
    for out in (seen, read):
        gradients = torch.autograd.grad(out.square().sum(), (image, report), retain_graph=True)
        assert all(gradient.abs().max() > 0 for gradient in gradients)


def test_it_equals_the_formula_of_attention_with_one_head(vectors):
    """softmax(Q K' / sqrt(d)) V, projected, added and normalised, by hand."""
    torch.manual_seed(0)
    fusion = CrossAttentionFusion(128, parts=4, heads=1)
    image, report = vectors
    seen, _ = fusion(image, report)
    attention = fusion.image_attends
    queries, keys = image.unflatten(1, (4, 32)), report.unflatten(1, (4, 32))
    weight_q, weight_k, weight_v = attention.in_proj_weight.chunk(3)
    bias_q, bias_k, bias_v = attention.in_proj_bias.chunk(3)
    q, k, v = queries @ weight_q.T + bias_q, keys @ weight_k.T + bias_k, keys @ weight_v.T + bias_v
    mixed = (q @ k.transpose(1, 2) / 32**0.5).softmax(-1) @ v
    expected = fusion.image_norm(queries + attention.out_proj(mixed)).flatten(1)
    torch.testing.assert_close(seen, expected)


def test_a_vector_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match=r"vector_size 100 .* multiple of 32"):
        CrossAttentionFusion(100)


def test_umicon_with_attention_is_rebuilt_from_its_description(vectors):
    umicon = small_vision().umicon
    assert umicon.fusion == "concat"
    plain = umicon.fuse(*vectors)
    umicon.use_fusion("attention")
    attended = umicon.fuse(*vectors)
    assert attended.shape == plain.shape == (3, 2, 128)
    assert not torch.allclose(attended, plain)
    again = UMiCon.from_spec(umicon.spec())
    again.load_state_dict(umicon.state_dict())
    torch.testing.assert_close(again.eval().fuse(*vectors), attended)
    umicon.use_fusion("concat")
    torch.testing.assert_close(umicon.fuse(*vectors), plain)
