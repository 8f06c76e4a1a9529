"""Evidential heads: a last layer on a frozen network that tells how much evidence an input holds for each class."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Final

import torch
from torch import Tensor, nn

from ..benchmark import Gate, Network
from ..benchmark.features import Both
from .weights import card_of, digest_of, load_weights, save_weights

Loss = Callable[[Tensor, Tensor], Tensor]
DECIDED: Final = 0.999
"""The least probability of a class that is certain."""


def digamma(alpha: Tensor, target: Tensor) -> Tensor:
    """Return the expected cross-entropy (N,) under the Dirichlet distribution of alpha (N, K)."""
    total = alpha.sum(1, keepdim=True)
    return (target * (total.digamma() - alpha.digamma())).sum(1)


def log(alpha: Tensor, target: Tensor) -> Tensor:
    """Return the negative logarithm (N,) of the marginal likelihood."""
    total = alpha.sum(1, keepdim=True)
    return (target * (total.log() - alpha.log())).sum(1)


def mse(alpha: Tensor, target: Tensor) -> Tensor:
    """Return the expected squared error (N,): that of the mean, and the variance."""
    total = alpha.sum(1, keepdim=True)
    variance = alpha * (total - alpha) / (total**2 * (total + 1))
    return ((target - alpha / total) ** 2 + variance).sum(1)


FORMS: Final[Mapping[str, Loss]] = {form.__name__: form for form in (digamma, log, mse)}


def from_nothing(alpha: Tensor) -> Tensor:
    """Return how far (N,) the Dirichlet distribution is from the flat one, by Kullback and Leibler."""
    total, classes = alpha.sum(1), alpha.new_tensor(float(alpha.shape[1]))
    moved = ((alpha - 1) * (alpha.digamma() - total.digamma()[:, None])).sum(1)
    return total.lgamma() - alpha.lgamma().sum(1) - classes.lgamma() + moved


@dataclass(frozen=True, slots=True)
class HeadRecipe:
    """Everything a trained head depends on beside its network and the inputs, of which it takes so many.

    `form` is one of the losses of evidential deep learning (arXiv:1806.01768); in training, evidence is ReLU(logit).
    They are taken of inputs whose class is certain. The others, weighed by `doubt`, teach that they hold no evidence.
    SMDL-Attribution knows no doubt: its code comments the divergence from the flat distribution out. But then the
    transformer's head is as sure of a scene without its creature (1.00) as of a whole one; and on soft targets, where
    every possible class earns evidence, a head becomes surer the less it can know.
    """

    form: str = "digamma"
    doubt: float = 1.0
    steps: int = 2000
    size: int = 256
    lr: float = 3e-3
    inputs: int = 20480
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse an unknown loss."""
        if self.form not in FORMS:
            raise ValueError(f"form {self.form!r} is unknown; choose one of {', '.join(FORMS)}")


def loss(logits: Tensor, target: Tensor, recipe: HeadRecipe) -> Tensor:
    """Return the mean loss of evidence logits (N, K) for class probabilities (N, K)."""
    alpha = logits.relu() + 1
    taught, untaught = FORMS[recipe.form](alpha, target), recipe.doubt * from_nothing(alpha)
    return torch.where(target.amax(1) > DECIDED, taught, untaught).mean()


def told(network: Network, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the logits (N, K) of inputs in data space, and what the last linear layer is given (N, F)."""
    both = Both()
    answers = Gate(both.of(network)).logits(x)
    return answers[:, : both.classes], answers[:, both.classes :]


def seen(network: Network, x: Tensor) -> Tensor:
    """Return what the last linear layer of a network is given (N, F) for inputs in data space."""
    return told(network, x)[1]


def last_linear(module: nn.Module) -> tuple[str, nn.Linear]:
    """Return the linear layer that comes last, and its name; a module without one is a ValueError."""
    layers = [(name, part) for name, part in module.named_modules() if isinstance(part, nn.Linear)]
    if not layers:
        raise ValueError(f"{type(module).__name__} has no linear layer that an evidential head could stand in for")
    return layers[-1]


def fitted(
    start: nn.Linear,
    features: Tensor,
    target: Tensor,
    recipe: HeadRecipe,
    progress: Callable[[str], None] | None = None,
) -> nn.Linear:
    """Train a head on features (N, F) and class probabilities (N, K), in double precision, from a last layer's weights.

    Their mean over classes is taken off: it says nothing there, but would be evidence here. From any other start, a
    class that has no evidence from any of its inputs would never be taught, as ReLU has no slope there.
    """
    head = deepcopy(start).cpu().double().requires_grad_()
    with torch.no_grad():
        head.weight.sub_(head.weight.mean(0))
        head.bias.sub_(head.bias.mean())
    optimizer = torch.optim.AdamW(head.parameters(), recipe.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.steps)
    features, target = features.cpu().double(), target.cpu().double()
    draws = torch.Generator().manual_seed(recipe.seed)
    for step in range(1, recipe.steps + 1):
        some = torch.randint(len(features), (recipe.size,), generator=draws)
        value = loss(head(features[some]), target[some], recipe)
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if progress is not None and step % 500 == 0:
            progress(f"step {step} of {recipe.steps}: loss {value.item():.3f}")
    return head.float().requires_grad_(False)


def train_head(
    network: Network,
    x: Tensor,
    target: Tensor,
    recipe: HeadRecipe | None = None,
    progress: Callable[[str], None] | None = None,
) -> nn.Linear:
    """Train a head for a network, which stays as it is, on inputs and their class probabilities (N, K)."""
    if network.module is None:
        raise ValueError("a model that only gives scores has no features to train an evidential head on")
    name, last = last_linear(network.module)
    logits, features = told(network, x)
    if features.shape[1] != last.in_features or not _near(last(features.to(last.weight)), logits):
        raise ValueError(f"the logits are not those of {name!r}, the linear layer that comes last: train with `fitted`")
    return fitted(last, features, target, recipe or HeadRecipe(), progress)


def _near(found: Tensor, wanted: Tensor) -> bool:
    return found.shape == wanted.shape and torch.allclose(found.detach().to(wanted), wanted, rtol=1e-3, atol=1e-3)


def with_head(module: nn.Module, head: nn.Linear) -> nn.Module:
    """Return a copy of a network with a head in place of its last linear layer: its logits are evidence."""
    copy = deepcopy(module)
    owner, _, own = last_linear(copy)[0].rpartition(".")
    setattr(copy.get_submodule(owner), own, head)
    return copy


def name_of(body: str) -> str:
    """Return the name of a network with its evidential head."""
    return f"{body}_evidential"


def stored_head(body: str, module: nn.Module) -> nn.Linear | None:
    """Return the head of the network of this name; None where there is none for its weights."""
    if card_of(name_of(body)).get("body") != digest_of(body):
        return None
    return load_weights(deepcopy(last_linear(module)[1]), name_of(body)).requires_grad_(False)


def evidential(body: str, module: nn.Module) -> nn.Module:
    """Return the network of this name with its head; where there is none for its weights, a ValueError says so."""
    head = stored_head(body, module)
    if head is None:
        raise ValueError(f"{body} has no evidential head for its weights: make one, `heatproof train {name_of(body)}`")
    return with_head(module, head)


def save_head(head: nn.Linear, body: str, recipe: HeadRecipe, facts: Mapping[str, object]) -> Mapping[str, object]:
    """Write a head's weights, and their card, which tells of the network that it is for; return the card."""
    return save_weights(head, name_of(body), {**facts, "recipe": asdict(recipe), "body": digest_of(body)})


def above(more: Tensor, less: Tensor) -> float:
    """Return how often one of the first values is larger than one of the others; a tie is half."""
    apart = more[:, None] - less
    return float((apart.sign().mean() + 1) / 2)
