"""Two classifiers of the breast-cancer table: a small network, and boosted trees as a black box."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Final

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from ..benchmark import Network, model
from ..benchmark.evidence import certainty
from .adapters import adapt
from .evidential import HeadRecipe, above, evidential, name_of, save_head, seen, stored_head, train_head
from .weights import card_of, load_weights, save_weights

MLP: Final = "breast_cancer_mlp"
RECIPE: Final = {"steps": 300, "lr": 3e-3, "weight_decay": 1.0, "label_smoothing": 0.1, "seed": 0}
"""Full batches of AdamW; chosen by cross-validation on the training split, as are the settings of the trees."""
HEAD: Final = HeadRecipe(steps=300, inputs=498)
MEANS: Final = 100
"""Copies of the 398 training rows' mean, which holds no evidence, that the evidential head is shown beside them."""


def split() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the training and the test rows (398, 30) and (171, 30), then their classes, as scikit-learn does."""
    x, y = load_breast_cancer(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(x, y, test_size=0.3, random_state=0, stratify=y)
    rows = torch.as_tensor(train_x).float(), torch.as_tensor(test_x).float()
    return *rows, torch.as_tensor(train_y), torch.as_tensor(test_y)


class Standardised(nn.Module):
    """A multilayer perceptron on raw columns: their mean and standard deviation are part of it."""

    mean: Tensor
    std: Tensor

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(widths[0]))
        self.register_buffer("std", torch.ones(widths[0]))
        linear = [nn.Linear(*pair) for pair in pairwise(widths)]
        self.layers = nn.Sequential(linear[0], *(part for layer in linear[1:] for part in (nn.ReLU(), layer)))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, K)."""
        logits: Tensor = self.layers((x - self.mean) / self.std)
        return logits


def untrained() -> Standardised:
    """Return the network as its training begins; the global random state stays."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(RECIPE["seed"]))
        return Standardised(30, 32, 16, 2)


def fitted(x: Tensor, y: Tensor) -> Standardised:
    """Train by the recipe, in double precision, so that machines agree but for the last digits."""
    network, rows = untrained().double(), x.double()
    network.std, network.mean = torch.std_mean(rows, dim=0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RECIPE["lr"], weight_decay=RECIPE["weight_decay"])
    for _ in range(int(RECIPE["steps"])):
        optimizer.zero_grad()
        loss = cross_entropy(network(rows), y, label_smoothing=RECIPE["label_smoothing"])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return network.float().eval()


def accuracy(network: nn.Module, x: Tensor, y: Tensor) -> float:
    """Return the share of rows that are given their class."""
    with torch.no_grad():
        return float((network(x).argmax(1) == y).double().mean())


def train_mlp(progress: Callable[[str], None]) -> Mapping[str, object]:
    """Train the network, write its weights, and return their card."""
    train_x, test_x, train_y, test_y = split()
    network = fitted(train_x, train_y)
    card = {
        "train_accuracy": round(accuracy(network, train_x, train_y), 4),
        "test_accuracy": round(accuracy(network, test_x, test_y), 4),
        "recipe": RECIPE,
        "data": "scikit-learn's load_breast_cancer, stratified split 70:30 with random_state 0",
    }
    progress(f"accuracy on the test split: {card['test_accuracy']}")
    return save_weights(network, MLP, card)


def train_mlp_head(progress: Callable[[str], None]) -> Mapping[str, object]:
    """Train the network's evidential head, write its weights, and return their card."""
    train_x, test_x, train_y, test_y = split()
    network = load_weights(untrained(), MLP).eval()
    mean, labels = train_x.mean(0), one_hot(train_y).float()
    rows = torch.cat([train_x, mean.expand(MEANS, -1)])
    head = train_head(adapt(network), rows, torch.cat([labels, labels.mean(0).expand(MEANS, -1)]), HEAD, progress)
    logits = head(seen(adapt(network), torch.cat([test_x, mean[None]])))
    sure, right = certainty(logits), logits[:-1].argmax(1) == test_y
    means = {"right": sure[:-1][right].mean(), "wrong": sure[:-1][~right].mean(), "mean_row": sure[-1]}
    facts = {
        "confidence": {name: round(float(mean), 3) for name, mean in means.items()},
        "right_above_wrong": round(above(sure[:-1][right], sure[:-1][~right]), 4),
        "test_accuracy": round(float(right.double().mean()), 4),
    }
    return save_head(head, MLP, HEAD, facts)


@model(train=train_mlp, card=card_of(MLP), beside=(card_of(name_of(MLP)),))
def breast_cancer_mlp() -> Network:
    """A perceptron with 32 and 16 hidden units on the 30 raw columns of the breast-cancer table."""
    network = load_weights(untrained(), MLP).eval()
    return adapt(network, evidential=stored_head(MLP, network))


@model(train=train_mlp_head, card=card_of(name_of(MLP)), beside=(card_of(MLP),))
def breast_cancer_mlp_evidential() -> Network:
    """The perceptron on the breast-cancer table with its evidential head as the last layer: its logits are evidence."""
    return adapt(evidential(MLP, load_weights(untrained(), MLP).eval()))


@model()
def breast_cancer_boosting() -> Network:
    """Gradient-boosted trees on the breast-cancer table, fitted when built; they only give scores."""
    x, _, y, _ = split()
    trees = GradientBoostingClassifier(n_estimators=200, subsample=0.5, max_features="sqrt", random_state=0)
    return adapt(trees.fit(x.double().numpy(), y.numpy()))
