"""Small networks of the usual kinds, in float64, so that no score depends on its batch mates by rounding."""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, relu, scaled_dot_product_attention

PATCH: Final = 4
WIDTH: Final = 8


class Double(nn.Module):
    """A network that computes in float64."""

    def __init__(self, features: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.features, self.head = features.double(), head.double()

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 logits."""
        logits: Tensor = self.head(self.features(x.double()))
        return logits.float()


def convolutional(classes: int) -> nn.Module:
    """Two convolutions with batch normalisation, for pictures of 16 x 16 pixels."""
    norm = nn.BatchNorm2d(8).eval()
    features = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), norm, nn.ReLU(), nn.Conv2d(8, 6, 3, stride=2), nn.ReLU())
    return Double(features, nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(6 * 7 * 7, classes)))


def residual(classes: int) -> nn.Module:
    """A residual network with all that trips hooks: a reused and an in-place ReLU, a functional one, added branches."""
    stem = nn.Conv2d(3, WIDTH, 3, padding=1), nn.BatchNorm2d(WIDTH), nn.ReLU(inplace=True), nn.MaxPool2d(2)
    features = nn.Sequential(*stem, _Block(WIDTH, WIDTH), _Block(WIDTH, WIDTH + 2))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(WIDTH + 2, classes))
    return Double(features, head)


class _Block(nn.Module):
    def __init__(self, width: int, wider: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(width, wider, 3, padding=1), nn.Conv2d(wider, wider, 3, padding=1)
        self.norm, self.act = nn.BatchNorm2d(wider), nn.ReLU(inplace=True)
        self.shortcut = nn.Identity() if width == wider else nn.Conv2d(width, wider, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        branch = self.second(self.act(self.norm(self.first(x))))
        branch += self.shortcut(x)
        return relu(self.act(branch))


class Transformer(nn.Module):
    """A vision transformer with a class token and fused attention, its parts named as timm names them."""

    def __init__(self, classes: int, side: int = 16, depth: int = 2) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.cls_token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.pos_embed = nn.Parameter(torch.randn(1, 1 + (side // PATCH) ** 2, WIDTH))
        self.blocks = nn.Sequential(*(_Attentive() for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, classes)
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 logits."""
        patches = self.patch_embed(x.double()).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), patches], 1) + self.pos_embed
        return self.forward_head(self.norm(self.blocks(tokens)))

    def forward_head(self, tokens: Tensor) -> Tensor:
        """Read the class token."""
        logits: Tensor = self.head(tokens[:, 0])
        return logits.float()


def to_places(tokens: Tensor) -> Tensor:
    """Put tokens (N, 1 + h·w, C) where their patches are, without the class token: (N, C, h, w)."""
    side = round((tokens.shape[1] - 1) ** 0.5)
    return tokens[:, 1:].movedim(-1, 1).reshape(len(tokens), -1, side, side)


class _Attentive(nn.Module):
    def __init__(self, heads: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.qkv, self.proj = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.norm2, self.wide, self.back = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.qkv(self.norm1(x)).reshape(*x.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind(0)
        attended = scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        x = x + self.proj(attended)
        wider: Tensor = x + self.back(gelu(self.wide(self.norm2(x))))
        return wider


def perceptron(classes: int) -> nn.Module:
    """A multilayer perceptron for 8 columns."""
    return Double(nn.Sequential(nn.Linear(8, 16), nn.ReLU()), nn.Sequential(nn.Dropout(0.5), nn.Linear(16, classes)))
