import pytest
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import train_test_split
from torch.nn.functional import relu

from heatproof.benchmark import BlackBox, Gate, WhiteBox, models
from heatproof.models import breast_cancer, weights
from heatproof.models.breast_cancer import breast_cancer_boosting, breast_cancer_mlp, fitted, split, train_mlp
from heatproof.models.weights import digest_of


def test_split_is_the_two_lines_that_anybody_can_repeat():
    x, y = load_breast_cancer(return_X_y=True)
    expected = train_test_split(x, y, test_size=0.3, random_state=0, stratify=y)
    for part, rows in zip(split(), expected, strict=True):
        assert torch.equal(part, torch.as_tensor(rows).to(part.dtype))
    assert [tuple(part.shape) for part in split()] == [(398, 30), (171, 30), (398,), (171,)]


@pytest.mark.parametrize(("build", "capability"), [(breast_cancer_mlp, WhiteBox), (breast_cancer_boosting, BlackBox)])
def test_nineteen_of_twenty_unseen_rows_get_their_class(build, capability):
    _, x, _, y = split()
    gate = Gate(build())
    assert (gate.logits(x).argmax(1) == y).double().mean() >= 0.95
    assert gate.capability is capability


def test_the_network_takes_raw_columns():
    train_x, x, _, _ = split()
    network = breast_cancer_mlp().module
    first, _, second, _, third = network.layers
    z = (x - train_x.mean(0)) / train_x.std(0)
    hidden = relu(relu(z @ first.weight.T + first.bias) @ second.weight.T + second.bias)
    torch.testing.assert_close(network(x), hidden @ third.weight.T + third.bias, rtol=1e-3, atol=1e-4)


def test_training_again_gives_the_shipped_weights():
    x, _, y, _ = split()
    state = torch.get_rng_state()
    again, shipped = fitted(x, y).state_dict(), breast_cancer_mlp().module.state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    assert again.keys() == shipped.keys()
    for name, value in again.items():
        torch.testing.assert_close(value, shipped[name], rtol=1e-3, atol=1e-4)


def test_train_writes_weights_that_load_and_tells_how_good_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    told = []
    card = train_mlp(told.append)
    _, x, _, y = split()
    correct = (breast_cancer_mlp().logits(x).argmax(1) == y).double().mean()
    assert card["test_accuracy"] == pytest.approx(float(correct), abs=1e-4)
    assert told == [f"accuracy on the test split: {card['test_accuracy']}"]
    assert card["sha256"] == digest_of(breast_cancer.MLP)


def test_boosted_trees_are_refitted_to_the_same_probabilities():
    train_x, x, train_y, _ = split()
    trees = GradientBoostingClassifier(n_estimators=200, subsample=0.5, max_features="sqrt", random_state=0)
    expected = trees.fit(train_x.double().numpy(), train_y.numpy()).predict_proba(x.double().numpy())
    assert torch.equal(breast_cancer_boosting().predict(x), torch.as_tensor(expected))


def test_both_are_registered_and_only_the_network_has_weights():
    assert models["breast_cancer_mlp"].train is train_mlp
    assert models["breast_cancer_mlp"].card["sha256"] == digest_of(breast_cancer.MLP) != ""
    assert models["breast_cancer_boosting"].train is None
