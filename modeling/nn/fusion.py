"""Fusion of an image's and a report's vector by cross-attention: the comparison row of Table 8."""

from __future__ import annotations

from torch import Tensor, nn


class CrossAttentionFusion(nn.Module):
    """Multi-head cross-attention between the parts of two vectors, in place of plain concatenation.

    The paper names this row of its ablation and gives no details. Each vector of C numbers is read as `parts`
    tokens of C / parts numbers; the image's tokens attend to the report's and the report's to the image's,
    each with its own weights, a residual and a normalisation.
    """

    def __init__(self, vector_size: int, *, parts: int = 8, heads: int = 4) -> None:
        """Raises ValueError when `vector_size` does not divide into parts and heads."""
        super().__init__()
        if vector_size % (parts * heads):
            raise ValueError(
                f"vector_size {vector_size} does not divide into {parts} parts of {heads} heads; "
                f"use a multiple of {parts * heads}"
            )
        self.parts = parts
        width = vector_size // parts
        self.image_attends = nn.MultiheadAttention(width, heads, batch_first=True)
        self.report_attends = nn.MultiheadAttention(width, heads, batch_first=True)
        self.image_norm = nn.LayerNorm(width)
        self.report_norm = nn.LayerNorm(width)

    def forward(self, image: Tensor, report: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C), (B, C) -> the same shapes, each informed by the other."""
        seen = image.unflatten(1, (self.parts, -1))  # (B, parts, C / parts)
        read = report.unflatten(1, (self.parts, -1))
        from_report, _ = self.image_attends(seen, read, read, need_weights=False)
        from_image, _ = self.report_attends(read, seen, seen, need_weights=False)
        return self.image_norm(seen + from_report).flatten(1), self.report_norm(read + from_image).flatten(1)
