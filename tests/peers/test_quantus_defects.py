"""Defects of quantus 0.6.0, measured: a later release may have mended them, and is not asked."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from heatproof import peers
from heatproof.benchmark import Gate, Method, Network, Refused
from heatproof.benchmark.checks._questions import Question, seeded

quantus = pytest.importorskip("quantus", reason="quantus is not installed")
pytestmark = [
    pytest.mark.skipif(version("quantus") != "0.6.0", reason="measured with quantus 0.6.0"),
    pytest.mark.filterwarnings("ignore"),
]

Scored = Callable[..., Tensor]
Maps = Callable[[Question], Tensor]


@pytest.fixture(autouse=True)
def _own_luck() -> Iterator[None]:
    """Seed numpy's random state, which quantus draws from, and put it back."""
    state = np.random.get_state()
    np.random.seed(71)
    with torch.random.fork_rng():
        yield
    np.random.set_state(state)


@pytest.fixture
def grey(pictures: Question) -> Question:
    """The same question about pictures of one channel."""
    x = pictures.batch.x[:, :1]
    first = nn.Conv2d(1, 6, 3, padding=1)
    module = seeded(lambda: nn.Sequential(first, nn.ReLU(), nn.Flatten(), nn.Linear(6 * 256, 3)).eval())
    batch = replace(pictures.batch, x=x, baseline=torch.zeros_like(x))
    return replace(pictures, gate=Gate(Network(module, layers=lambda: ("0",))), batch=batch)


def arrays(asked: Question, maps: Tensor) -> dict[str, Any]:
    """Return what quantus is called with, directly."""
    batch = asked.batch
    return {
        "model": asked.gate.module,
        "x_batch": batch.x.numpy(),
        "y_batch": batch.target.numpy(),
        "a_batch": maps.reshape(len(maps), 1, 16, 16).numpy(),
        "channel_first": True,
    }


def test_monotonicity_is_true_for_any_map(table: Question, maps: Maps, theirs: Scored, ours: Scored) -> None:
    here, name = maps(table), "quantus.monotonicity"
    assert all(bool((theirs(name, table, sign * here) == 1).all()) for sign in (1, -1))
    assert bool((ours(name, table, here) == 0).any())


def test_road_crashes_on_pictures_with_channels(pictures: Question, maps: Maps, theirs: Scored) -> None:
    with pytest.raises(IndexError, match="out of bounds"):
        theirs("quantus.road", pictures, maps(pictures))


def test_road_returns_no_score_of_a_sample(grey: Question, maps: Maps, theirs: Scored) -> None:
    with pytest.raises(Refused, match="none for a sample"):
        theirs("quantus.road", grey, maps(grey))


def test_road_looks_at_the_first_batch_only(grey: Question, maps: Maps) -> None:
    call = arrays(grey, maps(grey))
    few = {key: value[:5] if key.endswith("_batch") else value for key, value in call.items()}
    asked = [quantus.ROAD(noise=0.0, percentages=[10, 50, 90]) for _ in range(3)]
    five = asked[0](**few, batch_size=5)
    first = asked[1](**call, batch_size=5)
    everything = asked[2](**call, batch_size=20)
    assert first == five != everything


def test_irof_crashes_on_pictures_with_channels_and_without(
    pictures: Question, grey: Question, maps: Maps, theirs: Scored
) -> None:
    with pytest.raises(AssertionError, match="same as the mask shape"):
        theirs("quantus.irof", pictures, maps(pictures))
    if np.lib.NumpyVersion(np.__version__) >= "2.4.0":
        with pytest.raises(AttributeError, match="trapz"):
            theirs("quantus.irof", grey, maps(grey))


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.4.0", reason="numpy has trapz")
def test_areas_need_a_numpy_of_before_two_point_four(grey: Question, maps: Maps) -> None:
    with pytest.raises(AttributeError, match="trapz"):
        quantus.PixelFlipping(features_in_step=16, return_auc_per_sample=True)(**arrays(grey, maps(grey)))


def test_pointing_game_hits_where_there_is_nothing(
    pictures: Question, maps: Maps, theirs: Scored, ours: Scored
) -> None:
    truth = pictures.batch.truth
    assert truth is not None
    assert truth.relevant is not None
    nothing = replace(truth, relevant=truth.relevant & False, impossible=truth.relevant | True)
    asked, here = replace(pictures, batch=replace(pictures.batch, truth=nothing)), maps(pictures)
    assert bool((theirs("quantus.pointing_game", asked, here) == 1).all())
    assert bool(ours("quantus.pointing_game", asked, here).isnan().all())


def test_weighted_pointing_game_crashes(grey: Question, maps: Maps) -> None:
    mask = np.ones((20, 1, 16, 16), dtype=int)
    with pytest.raises((TypeError, ValueError)):
        quantus.PointingGame(weighted=True)(**arrays(grey, maps(grey)), s_batch=mask)


def test_weighted_localisation_depends_on_the_batch_size(grey: Question, maps: Maps) -> None:
    mask = np.zeros((20, 1, 16, 16), dtype=int)
    mask[..., :8, :] = 1
    call = {**arrays(grey, maps(grey)), "s_batch": mask}
    four, ten = (quantus.AttributionLocalisation(weighted=True)(**call, batch_size=size) for size in (4, 10))
    assert np.allclose(np.array(four[:4]) * 2 / 8, ten[:4])


def test_exact_effects_are_not_complete(table: Question, theirs: Scored, ours: Scored) -> None:
    layer = nn.Linear(9, 3, bias=False)
    layer.weight.data = torch.randn(3, 9, generator=torch.Generator().manual_seed(72))
    asked = replace(table, gate=Gate(Network(layer), "logit"))
    effect = (layer.weight.detach()[asked.batch.target] * asked.batch.x).double()
    assert float(theirs("quantus.completeness", asked, effect).sum()) == 0
    assert float(ours("quantus.completeness", asked, effect).max()) < 1e-5


def test_completeness_takes_away_the_first_channel_only(pictures: Question) -> None:
    """A model of the last channel does not change, though nothing of the picture should be left."""
    layer = nn.Linear(768, 3, bias=False)
    layer.weight.data = (torch.arange(768) >= 512).float().expand(3, -1).clone()
    call = arrays(pictures, torch.rand(20, 256)) | {"model": nn.Sequential(nn.Flatten(), layer).eval()}
    falls: list[np.ndarray[Any, Any]] = []
    quantus.Completeness(perturb_baseline=0.0, output_func=lambda fall: falls.append(fall) or fall)(**call)
    assert float(np.abs(np.concatenate(falls)).max()) == 0


def test_effective_complexity_depends_on_the_maps_beside_it(
    pictures: Question, maps: Maps, theirs: Scored, ours: Scored
) -> None:
    here, name = maps(pictures), "quantus.effective_complexity"
    louder = here.clone()
    louder[0] *= 1e6
    assert bool((theirs(name, pictures, louder)[1:] == 0).all())
    assert torch.equal(ours(name, pictures, louder), ours(name, pictures, here))


def test_sensitivity_n_gives_no_score_of_a_sample_and_looks_at_the_first_batch_only(
    grey: Question, maps: Maps, theirs: Scored
) -> None:
    here = maps(grey)
    with pytest.raises(Refused, match="none for a sample"):
        theirs("quantus.sensitivity_n", grey, here)
    call = arrays(grey, here)
    few = {key: value[:5] if key.endswith("_batch") else value for key, value in call.items()}
    five, first, everything = (
        np.asarray(
            quantus.SensitivityN(features_in_step=16, normalise=False, return_aggregate=False)(**words, batch_size=size)
        )
        for words, size in ((few, 5), (call, 5), (call, 20))
    )
    assert np.allclose(five, first)
    assert not np.allclose(first, everything)


def test_infidelity_does_the_same_ten_times(grey: Question, maps: Maps) -> None:
    once, often = (quantus.Infidelity(n_perturb_samples=count)(**arrays(grey, maps(grey))) for count in (1, 10))
    assert np.allclose(once, often)


def test_non_sensitivity_crashes_with_steps(pictures: Question, maps: Maps, theirs: Scored) -> None:
    with pytest.raises(ValueError, match="could not be broadcast"):
        theirs("quantus.non_sensitivity", pictures, maps(pictures))


def test_faithfulness_correlation_counts_no_feature_of_a_row(table: Question, maps: Maps) -> None:
    """It counts from the third dimension on: rows (N, D) have none, and (N, 1, D) is what it wants."""
    call = {"x_batch": table.batch.x.numpy(), "y_batch": table.batch.target.numpy(), "a_batch": maps(table).numpy()}
    with pytest.raises(ValueError, match="'subset_size' must be smaller than input size"):
        quantus.FaithfulnessCorrelation(subset_size=3)(model=table.gate.module, channel_first=True, **call)


def test_noise_of_relative_stability_is_one_sided() -> None:
    x = np.ones((4, 64))
    noise = quantus.RelativeInputStability().perturb_func(arr=x, indices=np.tile(np.arange(64), (4, 1))) - x
    assert 0.02 <= noise.min() <= noise.max() <= 0.2


def forgetful(grey: Question, maps: Tensor, kind: str, **settings: object) -> Any:
    def explained(model: nn.Module, inputs: np.ndarray[Any, Any], targets: np.ndarray[Any, Any], **_: object) -> Any:
        return np.random.default_rng(73).normal(size=(len(inputs), 1, 16, 16))

    metric = getattr(quantus, kind)(**settings)
    return metric(**arrays(grey, maps), explain_func=explained)


def test_average_of_mprt_counts_the_model_that_has_forgotten_nothing(grey: Question, maps: Maps) -> None:
    layers = forgetful(grey, maps(grey), "MPRT")
    mean = forgetful(grey, maps(grey), "MPRT", return_average_correlation=True)
    assert set(layers) == {"original", "0", "3"}
    assert np.allclose(mean, np.mean(list(layers.values()), 0))


def test_mprt_leaves_bare_parameters_alone(grey: Question, maps: Maps) -> None:
    class Bare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bare = nn.Parameter(torch.ones(256))
            self.head = nn.Linear(256, 3)

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.head(x.flatten(1) * self.bare)
            return logits

    seen: list[Tensor] = []

    def explained(model: nn.Module, inputs: np.ndarray[Any, Any], **_: object) -> Any:
        seen.append(model.get_parameter("bare").detach().clone())
        return inputs

    quantus.MPRT()(**arrays(grey, maps(grey)) | {"model": Bare().eval()}, explain_func=explained)
    assert all(torch.equal(each, torch.ones(256)) for each in seen)


def test_smooth_mprt_explains_as_its_kwargs_say(grey: Question, maps: Maps) -> None:
    """The function that it is handed is not called; the method that is named is."""
    called: list[int] = []

    def explained(**_: object) -> Any:
        called.append(1)

    found = []
    for method in ("Gradient", "InputXGradient"):
        words = {"explain_func": explained, "explain_func_kwargs": {"method": method}}
        found.append(quantus.SmoothMPRT(nr_samples=2)(**arrays(grey, maps(grey)), **words)["original"])
    assert not called
    assert not np.allclose(*found)


def test_random_logit_seeds_the_random_state_of_all(table: Question, theirs: Scored) -> None:
    def still(units: Tensor) -> Tensor:
        """The same map everywhere."""
        return torch.arange(9.0).expand(len(units), -1)

    after = []
    for seed in (1, 2):
        np.random.seed(seed)
        theirs("quantus.random_logit", table, still(table.batch.units).double(), Method(still))
        after.append(np.random.rand())
    assert after[0] == after[1]


def test_one_constant_map_is_enough_to_crash_spearman(
    pictures: Question, maps: Maps, table: Question, theirs: Scored
) -> None:
    here = maps(table)
    here[0] = 0
    with pytest.raises(AttributeError, match="no attribute 'shape'"):
        theirs("quantus.monotonicity_correlation", table, here)


def test_input_invariance_does_not_shift_the_first_number(grey: Question, maps: Maps) -> None:
    seen: list[np.ndarray[Any, Any]] = []

    def explained(model: nn.Module, inputs: np.ndarray[Any, Any], **_: object) -> Any:
        seen.append(inputs)
        return inputs

    quantus.InputInvariance(input_shift=-1)(**arrays(grey, maps(grey)), explain_func=explained)
    shift = seen[0] - grey.batch.x.numpy()
    assert np.allclose(shift.reshape(20, -1)[:, 1:], -1)
    assert np.allclose(shift.reshape(20, -1)[:, 0], 0)


def test_declared_directions_that_are_wrong() -> None:
    declared = {peer.theirs: peer.declared for peer in peers.find("quantus")}
    assert declared["quantus.RegionPerturbation"] == declared["quantus.Consistency"] == "lower"


def test_consistency_looks_at_the_signs_of_five_magnitudes(grey: Question, maps: Maps) -> None:
    """They are all positive, so all maps are the same, and the score is that of predictions alone."""
    here = maps(grey)
    scores = [quantus.Consistency()(**arrays(grey, each)) for each in (here, here.flip(0), here.square())]
    assert np.allclose(scores[0], scores[1])
    assert np.allclose(scores[0], scores[2])


def test_ties_go_to_the_first_pixels(pictures: Question, theirs: Scored, ours: Scored) -> None:
    """A map that is the same for all pixels but the last, which is no more than a hair less."""
    here = torch.ones(20, 256).double()
    here[:, -1] = 0.999
    assert bool((theirs("quantus.relevance_rank_accuracy", pictures, here) == 1).all())
    assert float(ours("quantus.relevance_rank_accuracy", pictures, here)[0]) == pytest.approx(128 / 255)


def test_a_batch_of_constant_maps_is_refused(pictures: Question, theirs: Scored) -> None:
    flat = torch.full((20, 256), 0.5).double()
    with pytest.raises(Refused, match="does not judge such maps, on purpose"):
        theirs("quantus.relevance_rank_accuracy", pictures, flat)
