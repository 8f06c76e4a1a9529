"""Mosaics of faces and other pictures, and the truth of the questions about them, picture by picture."""

from dataclasses import replace
from itertools import product

import pytest
import torch
from skimage.data import lfw_subset
from torch import Tensor, nn

from heatproof.benchmark import Batch, Game, Gate, Network, Task, Truth, models, tasks
from heatproof.datasets import _mistakes
from heatproof.datasets.faces import (
    CELLS,
    COUNTS,
    SIDE,
    SPARE,
    SPLITS,
    accuracies,
    compose,
    face_batch,
    numbers,
    pictures,
    sample_mosaics,
)
from heatproof.datasets.faces import tasks as questions
from heatproof.datasets.faces.training import moved

SIZE = 6
RIGHT, WRONG = "face_cells@faces_resnet", "face_mistakes@faces_resnet"

each_kind = pytest.mark.parametrize("name", [RIGHT, WRONG])


@pytest.fixture(scope="module")
def gate() -> Gate:
    return Gate(models["faces_resnet"].function())


def asked(name: str) -> tuple[Task, Batch]:
    task = tasks[name]
    return task, task.questions("test", SIZE)


def place(sample: str) -> int:
    return int(sample.rpartition("-")[2])


def mosaic(cells: list[int]) -> Tensor:
    """Put four numbered pictures into one, (3, 50, 50), with slices."""
    x, shown = torch.zeros(3, 50, 50), torch.from_numpy(lfw_subset()).float()
    for cell, number in enumerate(cells):
        top, left = 25 * (cell // 2), 25 * (cell % 2)
        x[:, top : top + 25, left : left + 25] = shown[number]
    return x


def looking(name: str, sample: str, x: Tensor) -> Tensor:
    """Add the sample's noise where the question is about noisy mosaics."""
    return questions.speckled((sample,), x[None])[0] if name == WRONG else x


def test_pictures_are_a_hundred_faces_and_a_hundred_others_in_splits_without_common_ones() -> None:
    assert pictures().shape == (200, SIDE, SIDE)
    assert torch.equal(pictures(), torch.from_numpy(lfw_subset()).float())
    used: list[int] = []
    for split, size in (("train", 50), ("tune", 15), ("test", 35)):
        faces, others = numbers(split)
        assert len(faces) == len(others) == size
        assert int(faces.max()) < 100 <= int(others.min())
        used += [*faces.tolist(), *others.tolist()]
    assert sorted(used) == list(range(200))


@pytest.mark.parametrize("split", sorted(SPLITS))
def test_mosaics_contain_what_they_say(split: str) -> None:
    mosaics, (faces, others) = sample_mosaics(400, split, 7), numbers(split)
    assert mosaics.count.bincount(minlength=COUNTS).min() > 70
    assert torch.equal(mosaics.face.sum(1), mosaics.count)
    for count in (1, 2, 3):
        assert mosaics.face[mosaics.count == count].float().mean(0).sub(count / CELLS).abs().max() < 0.12
    assert torch.isin(mosaics.cells[mosaics.face], faces).all()
    assert torch.isin(mosaics.cells[~mosaics.face], others).all()
    assert torch.isin(mosaics.spare, others).all()
    for cells, spare in zip(mosaics.cells.tolist(), mosaics.spare.tolist(), strict=True):
        assert len({*cells, *spare}) == CELLS + SPARE


def test_a_mosaic_depends_on_split_seed_and_place_alone() -> None:
    many, few = sample_mosaics(12, "test", 3), sample_mosaics(4, "test", 3, first=8)
    for one, other in ((many[8:], few), (many[torch.tensor([9, 11])], few[[1, 3]])):
        assert torch.equal(one.cells, other.cells)
        assert torch.equal(one.spare, other.spare)
    assert not torch.equal(sample_mosaics(12, "test", 4).cells, many.cells)


def test_cells_are_put_side_by_side_in_three_equal_channels() -> None:
    mosaics = sample_mosaics(3, "tune", 1)
    for x, cells in zip(compose(pictures()[mosaics.cells]), mosaics.cells.tolist(), strict=True):
        assert torch.equal(x, mosaic(cells))


def test_training_batches_repeat_to_the_bit_and_differ_step_by_step() -> None:
    first, again, next_one = face_batch(3, 8, 0), face_batch(3, 8, 0), face_batch(4, 8, 0)
    assert all(torch.equal(*pair) for pair in zip(first, again, strict=True))
    assert not torch.equal(first[0], next_one[0])
    x, count, face = first
    drawn = sample_mosaics(8, "train", 0, first=24)
    assert torch.equal(count.argmax(1), drawn.count)
    assert torch.equal(face.argmax(2).bool(), drawn.face)
    assert x.shape == (8, 3, 50, 50)
    assert 0 <= float(x.min()) < float(x.max()) <= 1
    assert torch.equal(count.argmax(1), face[:, :, 1].sum(1).long())
    assert torch.equal(count.sum(1), torch.ones(8))


def test_training_pictures_move_mirrored_or_by_whole_pixels_as_told() -> None:
    cells = pictures()[sample_mosaics(2, "train", 0).cells]
    same = torch.tensor([[1.0, 0, 0], [0, 1, 0]]).expand(2, CELLS, 2, 3)
    torch.testing.assert_close(moved(cells, same), cells, atol=1e-5, rtol=0)
    mirrored = same * torch.tensor([[-1.0], [1.0]])
    torch.testing.assert_close(moved(cells, mirrored), cells.flip(3), atol=1e-5, rtol=0)
    shifted = same + torch.tensor([[0, 0, 2 * 3 / SIDE], [0, 0, 0]])
    torch.testing.assert_close(moved(cells, shifted)[..., :-3], cells[..., 3:], atol=1e-5, rtol=0)


def test_accuracies_of_a_reader_of_one_cell_in_closed_form() -> None:
    mosaics = sample_mosaics(300, "test", 9)

    def reader(x: Tensor) -> Tensor:
        """Logits for one face where the first cell is one of the test faces to the pixel, else for none."""
        seen = (x[:, 0, None, :SIDE, :SIDE] == pictures()[numbers("test")[0]]).flatten(2).all(2).any(1)
        return torch.nn.functional.one_hot(seen.long(), COUNTS).float()

    first = mosaics.face[:, 0]
    whole = float(torch.where(first, mosaics.count == 1, mosaics.count == 0).double().mean())
    assert accuracies(reader, mosaics) == {
        "accuracy": whole,
        "accuracy_evidence_only": whole,
        "accuracy_other_pictures": whole,
        "accuracy_evidence_removed": float((mosaics.count == 0).double().mean()),
    }


def test_the_exam_shows_whole_mosaics_faces_alone_and_mosaics_without_their_faces() -> None:
    mosaics = sample_mosaics(5, "test", 9)
    seen: list[Tensor] = []

    def predict(x: Tensor) -> Tensor:
        seen.append(x)
        return torch.zeros(len(x), COUNTS)

    accuracies(predict, mosaics)
    whole, alone, among_others, without = seen
    for row in range(5):
        cells, spare, face = (part[row].tolist() for part in (mosaics.cells, mosaics.spare, mosaics.face))
        assert torch.equal(whole[row], mosaic(cells))
        shown = torch.tensor(face).reshape(2, 2).repeat_interleave(SIDE, 0).repeat_interleave(SIDE, 1)
        assert torch.equal(alone[row], mosaic(cells) * shown)
        others = [cells[cell] if face[cell] else spare[cell] for cell in range(CELLS)]
        assert torch.equal(among_others[row], mosaic(others))
        emptied = [spare[cell] if face[cell] else cells[cell] for cell in range(CELLS)]
        assert torch.equal(without[row], mosaic(emptied))


@each_kind
def test_samples_are_the_first_that_are_counted_right_or_wrong(name: str, gate: Gate) -> None:
    _, batch = asked(name)
    last = place(batch.ids[-1])
    mosaics = sample_mosaics(last + 1, "test", questions.SEEDS["test"])
    kind = batch.ids[0].split("-")[0]
    found = []
    for number, cells in enumerate(mosaics.cells.tolist()):
        sample = f"{kind}-test-{number}"
        x = looking(name, sample, mosaic(cells))[None]
        right = int(gate.logits(x).argmax()) == int(mosaics.count[number])
        if int(mosaics.count[number]) and right == (name == RIGHT):
            found.append(sample)
            row = len(found) - 1
            assert torch.equal(batch.x[row], x[0])
            assert int(batch.target[row]) == int(mosaics.count[number])
    assert tuple(found) == batch.ids


@each_kind
def test_samples_stay_the_same_when_more_are_asked_for(name: str, gate: Gate) -> None:
    task, batch = asked(name)
    more = task.samples(gate, "test", SIZE + 3)
    assert more.ids[:SIZE] == batch.ids
    assert torch.equal(more.x[:SIZE], batch.x)
    assert not set(task.samples(gate, "tune", SIZE).ids) & set(batch.ids)
    assert batch.units.unique().numel() == 100
    assert not batch.baseline.any()


def by_hand(gate: Gate, name: str, sample: str, target: int) -> Tensor:
    """Return what eight other pictures in each cell take from a target's probability, (4,), picture by picture."""
    number = place(sample)
    one = sample_mosaics(1, "test", questions.SEEDS["test"], number)

    def score(cells: list[int]) -> float:
        return float(gate.logits(looking(name, sample, mosaic(cells))[None]).double().softmax(1)[0, target])

    cells, spare = one.cells[0].tolist(), one.spare[0].tolist()
    whole = score(cells)
    taken = []
    for cell in range(CELLS):
        other = [score([*cells[:cell], picture, *cells[cell + 1 :]]) for picture in spare]
        taken.append(whole - sum(other) / len(other))
    return torch.tensor(taken, dtype=torch.float64)


def effect_of(truth: Truth | None) -> Tensor:
    assert truth is not None
    assert truth.effect is not None
    return truth.effect


@each_kind
def test_effects_by_putting_other_pictures_into_each_cell_one_by_one(name: str, gate: Gate) -> None:
    _, batch = asked(name)
    for row in range(3):
        expected = by_hand(gate, name, batch.ids[row], int(batch.target[row]))
        torch.testing.assert_close(effect_of(batch.truth)[row], expected, atol=1e-5, rtol=0)


def test_parts_are_the_four_quarters() -> None:
    _, batch = asked(RIGHT)
    assert batch.truth is not None
    parts = batch.truth.parts.unflatten(1, (50, 50))
    halves = slice(25), slice(25, 50)
    for cell, (rows, columns) in enumerate(product(halves, halves)):
        assert (parts[:, rows, columns] == cell).all()


def linear() -> Gate:
    """A network with random weights, whose score every cell can raise or lower."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return Gate(Network(nn.Sequential(nn.Flatten(), nn.Linear(3 * 50 * 50, COUNTS))))


@pytest.mark.parametrize("network", ["faces_resnet", "linear"])
def test_relevant_are_faces_that_matter_and_impossible_others_that_do_not(gate: Gate, network: str) -> None:
    _, batch = asked(RIGHT)
    truth = questions.face_cells(gate if network == "faces_resnet" else linear(), replace(batch, truth=None))
    assert truth.relevant is not None
    assert truth.impossible is not None
    kinds = set()
    for row, sample in enumerate(batch.ids):
        face = sample_mosaics(1, "test", questions.SEEDS["test"], place(sample)).face[0].tolist()
        for cell, effect in enumerate(effect_of(truth)[row].tolist()):
            assert bool(truth.relevant[row, cell]) == (face[cell] and effect > 0.02)
            assert bool(truth.impossible[row, cell]) == (not face[cell] and -0.02 < effect < 0.02)
            kinds.add((face[cell], (effect > -0.02) + (effect > 0.02)))
    assert kinds >= ({(False, 0), (True, 0)} if network == "linear" else {(False, 1), (False, 2), (True, 2)})


@pytest.mark.parametrize("name", ["face_contrast@faces_resnet"])
def test_the_rival_of_a_number_of_faces_is_one_less(name: str, gate: Gate) -> None:
    _, batch = asked(name)
    truth = batch.truth
    assert truth is not None
    assert truth.rival is not None
    assert truth.rival_effect is not None
    assert torch.equal(truth.rival, batch.target - 1)
    assert int(truth.rival.min()) >= 0
    expected = by_hand(gate, RIGHT, batch.ids[0], int(batch.target[0]) - 1)
    torch.testing.assert_close(truth.rival_effect[0], expected, atol=1e-5, rtol=0)


@each_kind
def test_a_cell_goes_when_half_of_it_is_hidden_and_another_picture_comes(name: str) -> None:
    _, batch = asked(name)
    assert batch.redraw is not None
    owners = questions.places_of_cells()
    for row, sample in enumerate(batch.ids[:3]):
        one = sample_mosaics(1, "test", questions.SEEDS["test"], place(sample))
        for cell in range(CELLS):
            pixels = (owners == cell).nonzero()[:, 0]
            kept = torch.ones(2, 2500, dtype=torch.bool)
            kept[0, pixels[:312]] = False
            kept[1, pixels[:313]] = False
            stays, goes = batch.redraw((sample, sample), kept)
            cells = one.cells[0].tolist()
            cells[cell] = int(one.spare[0, cell])
            assert torch.equal(stays, batch.x[row])
            assert torch.equal(goes, looking(name, sample, mosaic(cells)))


@each_kind
def test_mosaics_are_made_again_alike_alone_and_together(name: str, gate: Gate) -> None:
    _, batch = asked(name)
    assert batch.redraw is not None
    kept = torch.rand(8, 2500, generator=torch.Generator().manual_seed(5)) < 0.5
    ids = tuple(batch.ids[i] for i in (3, 0, 0, 2, 5, 1, 4, 2))
    together = batch.redraw(ids, kept)
    for i in range(8):
        assert torch.equal(together[i], batch.redraw((ids[i],), kept[[i]])[0])
    whole = Game(gate, replace(batch, truth=None, imputer="redraw")).full
    torch.testing.assert_close(whole, gate.score(batch.x, batch.target), atol=1e-6, rtol=0)


def test_truth_does_not_depend_on_the_order_of_samples(gate: Gate) -> None:
    _, batch = asked(WRONG)
    order = [2, 0, 3, 1]
    turned = questions.face_mistakes(gate, replace(batch, truth=None).picked(order))
    torch.testing.assert_close(effect_of(turned), effect_of(batch.truth)[order], atol=1e-6, rtol=0)


def test_too_few_mistakes_are_told_in_one_line(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_mistakes, "FARTHEST", 256)
    with pytest.raises(ValueError, match=r"size is 400, but of 256 samples only \d+ are mosaics .* wrong: ask for"):
        questions.miscounted_mosaics(gate, "test", 400)
