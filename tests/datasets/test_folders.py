"""Pictures and networks that the user has: on miniature folders, laid out as the makers of the datasets do."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from heatproof.benchmark import Batch, Gate, Refused, models, tasks
from heatproof.benchmark.question import built
from heatproof.benchmark.results import Results
from heatproof.cli import main
from heatproof.datasets.folders import _folder, _questions
from heatproof.datasets.folders.celeba import CELEBA
from heatproof.datasets.folders.cub import CUB
from heatproof.datasets.folders.imagenet import IMAGENET
from heatproof.datasets.folders.vggface2 import VGGFACE2
from heatproof.models._torchvision import timm
from heatproof.models.own_weights import HALF, Preparation, own_weights

SIZE, CLASSES, EACH = 32, 3, 24
FOLDERS = (IMAGENET, CUB, CELEBA, VGGFACE2)
SHIPPED = tuple(name for name in tasks if tasks[name].files is not None)


def write_picture(file: Path, seed: int, size: tuple[int, int] = (40, 48), mode: str = "RGB") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    Image.fromarray(noise).resize(size).convert(mode).save(file)


def imagenet(root: Path) -> None:
    for label in range(CLASSES):
        for place in range(EACH):
            write_picture(root / f"imagenet/val/n0{label}/ILSVRC2012_val_{label}{place:03d}.JPEG", 100 * label + place)


def cub(root: Path) -> None:
    lists: dict[str, list[str]] = {"images": [], "image_class_labels": [], "train_test_split": []}
    for number in range(CLASSES * EACH):
        label = number % CLASSES
        name = f"00{label + 1}.Bird/Bird_{number}.jpg"
        write_picture(root / "CUB_200_2011/images" / name, number)
        for of, word in zip(lists, (name, label + 1, int(number // CLASSES % 2 == 0)), strict=True):
            lists[of].append(f"{number + 1} {word}")
    for of, lines in lists.items():
        (root / f"CUB_200_2011/{of}.txt").write_text("\n".join(lines) + "\n")


def celeba(root: Path) -> None:
    people, parts = [], []
    for number in range(CLASSES * EACH):
        name = f"{number + 1:06d}.jpg"
        write_picture(root / "celeba/img_align_celeba" / name, number, (44, 54))
        people.append(f"{name} {number % CLASSES + 1}")
        parts.append(f"{name} {number // CLASSES % 3}")
    (root / "celeba/identity_CelebA.txt").write_text("\n".join(people))
    (root / "celeba/list_eval_partition.txt").write_text("\n".join(parts))


def vggface2(root: Path) -> None:
    for label in range(CLASSES):
        for place in range(EACH):
            write_picture(root / f"vggface2/test/n00000{label}/{place:04d}_01.jpg", 100 * label + place)


LAYOUTS = {IMAGENET: imagenet, CUB: cub, CELEBA: celeba, VGGFACE2: vggface2}
each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


@pytest.fixture(scope="session")
def all_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for write in LAYOUTS.values():
        write(root)
    return root


@pytest.fixture
def data(all_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEATPROOF_DATA", str(all_folders))
    return all_folders


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Miniature datasets of one's own that a test may break."""
    monkeypatch.setenv("HEATPROOF_DATA", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEATPROOF_DATA", raising=False)
    monkeypatch.delenv("HEATPROOF_WEIGHTS", raising=False)


def trained(classes: int = CLASSES, seed: int = 0) -> dict[str, Tensor]:
    """The weights of a tiny network that says different things of different pictures."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module: nn.Module = timm.create_model("test_resnet", num_classes=classes)
        head = module.get_submodule("fc")
        module.train()
        with torch.no_grad():
            features = module.forward_features(torch.rand(64, 3, SIZE, SIZE)).mean((2, 3))  # type: ignore[operator]
            head.weight.normal_()
            head.weight.div_(features.std(0) * 10)
            head.bias.copy_(-head.weight @ features.mean(0))
    return module.state_dict()


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A registered network `mini` with weights, and tasks on it."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setenv("HEATPROOF_WEIGHTS", str(folder))
    save_file(trained(), folder / "mini.safetensors")
    before = [(registry, set(registry)) for registry in (models, tasks)]

    @own_weights("test_resnet", Preparation(HALF, crop=0.8, size=SIZE))
    def mini() -> None:
        """A tiny network."""

    for folder_of in FOLDERS:
        for right in (True, False):

            def mini_task(gate: Gate, batch: Batch) -> None:
                """Which places does it look at?"""

            mini_task.__name__ = mini_task.__qualname__ = f"mini_{folder_of.name}_{'right' if right else 'wrong'}"
            _questions.question(folder_of, ("mini",), right)(mini_task)
    yield folder
    for registry, known in before:
        for name in set(registry) - known:
            del registry._parts[name]


def ask(folder: _folder.Folder, right: bool, size: int, split: str = "test") -> Batch:
    task = tasks[f"mini_{folder.name}_{'right' if right else 'wrong'}@mini"]
    return task.questions(split, size)


def refusal(of: Callable[[], object]) -> str:
    with pytest.raises(Refused) as no:
        of()
    assert "\n" not in str(no.value)
    return str(no.value)


def test_every_shipped_task_and_network_is_declared() -> None:
    assert Counter(name.partition("@")[2] for name in SHIPPED) == {
        "imagenet_resnet101": 2,
        "imagenet_vit_base_patch16_224": 2,
        "cub_resnet101": 2,
        "celeba_resnet101": 2,
        "vggface2_resnet101": 2,
    }
    for name in SHIPPED:
        task = tasks[name]
        assert (task.truth_type, task.headline, task.knows, task.imputer) == ("none", "", frozenset(), "baseline")
        assert task.model.files is not None
    assert len({tasks[name].samples.__name__ for name in SHIPPED}) == 8


@pytest.mark.slow
def test_nothing_is_read_to_import_and_to_list(all_folders: Path, tmp_path: Path) -> None:
    """In a process of its own that writes down what it opens and looks at."""
    code = (
        "import sys\n"
        "seen = []\n"
        "sys.addaudithook(lambda event, args: seen.append(str(args[0])) if args and event in AUDITED else None)\n"
        "AUDITED = ('open', 'os.scandir', 'os.listdir')\n"
        "from heatproof.benchmark import models, tasks\n"
        "assert [tasks[n].summary for n in tasks] and [models[n].summary for n in models]\n"
        "assert not [place for place in seen if OWN in place]\n"
        "assert tasks['cub_correct@cub_resnet101'].absent.startswith('cub_resnet101 needs')\n"
        "assert [place for place in seen if OWN in place]\n"
    ).replace("OWN", repr(str(all_folders)))
    env = {**os.environ, "HEATPROOF_DATA": str(all_folders), "HEATPROOF_WEIGHTS": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr


@each_folder
def test_ids_are_paths_and_labels_are_in_the_usual_order(data: Path, folder: _folder.Folder) -> None:
    listing = folder.listing()
    assert listing.classes == CLASSES
    of = {picture.id: picture.label for picture in listing.pictures}
    assert len(of) == len(listing.pictures)
    if folder is IMAGENET:
        assert of["n02/ILSVRC2012_val_2007.JPEG"] == 2
        assert len(of) == CLASSES * EACH
    elif folder is CUB:
        assert of["003.Bird/Bird_5.jpg"] == 2
        assert len(of) == CLASSES * EACH
    elif folder is CELEBA:
        assert of["000005.jpg"] == 1
        assert len(of) == CLASSES * EACH * 2 // 3  # those for training are nobody's
    else:
        assert of["n000001/0004_01.jpg"] == 1
    for picture in listing.pictures:
        assert picture.file.is_file()
        assert str(picture.file).endswith(picture.id)


@each_folder
def test_tune_and_test_are_apart_and_their_order_is_shuffled_and_always_the_same(
    data: Path, folder: _folder.Folder
) -> None:
    listing = folder.listing()
    tune, test = ([picture.id for picture in listing.orders[split]] for split in ("tune", "test"))
    assert set(tune) | set(test) == {picture.id for picture in listing.pictures}
    assert not set(tune) & set(test)
    assert len(tune) > 8
    assert test != sorted(test)
    _folder._listed.cache_clear()
    again = folder.listing()
    assert again is not listing
    assert [picture.id for picture in again.orders["test"]] == test
    assert again.state == listing.state


def test_official_splits_are_kept(data: Path) -> None:
    for picture in CUB.listing().pictures:
        number = int(picture.id.partition("Bird_")[2].removesuffix(".jpg"))
        assert picture.split == ("tune" if number // CLASSES % 2 == 0 else "test")
    for picture in CELEBA.listing().pictures:
        assert {"tune": 1, "test": 2}[picture.split] == (int(picture.id[:6]) - 1) // CLASSES % 3


def test_a_draw_by_id_does_not_depend_on_the_others(data: Path, own: Path) -> None:
    one = own / "imagenet/val/n01/ILSVRC2012_val_1005.JPEG"
    write_picture(one, 0)
    (picture,) = IMAGENET.listing().pictures
    whole = {p.id: p.split for p in _folder.by_class(data / "imagenet/val", ("n00", "n01", "n02"))}
    assert picture.split == whole["n01/ILSVRC2012_val_1005.JPEG"]
    share = np.mean([split == "tune" for split in whole.values()])
    assert 0.08 < share < 0.35


def test_imagenet_may_lie_at_the_top_or_in_val(data: Path, own: Path) -> None:
    inside = IMAGENET.listing().pictures if (own / "imagenet").exists() else None
    assert inside is None
    (own / "imagenet").parent.mkdir(parents=True)
    (own / "imagenet").symlink_to(data / "imagenet/val")
    top = IMAGENET.listing()
    assert {p.id: p.label for p in top.pictures}["n01/ILSVRC2012_val_1005.JPEG"] == 1
    assert top.classes == CLASSES


def test_the_people_of_train_number_the_classes_of_vggface2(own: Path) -> None:
    vggface2(own)
    (own / "vggface2/train/n000000a").mkdir(parents=True)
    for label in range(CLASSES):
        (own / f"vggface2/train/n00000{label}").mkdir()
    listing = VGGFACE2.listing()
    assert listing.classes == CLASSES + 1
    assert {p.id[:7]: p.label for p in listing.pictures} == {"n000000": 0, "n000001": 2, "n000002": 3}


def test_people_who_are_not_in_train_are_refused(own: Path) -> None:
    vggface2(own)
    (own / "vggface2/train/n000009").mkdir(parents=True)
    assert "nobody in" in refusal(VGGFACE2.listing)


@pytest.mark.usefixtures("nothing")
@each_folder
def test_without_the_variable_it_says_what_to_set(folder: _folder.Folder) -> None:
    line = refusal(folder.listing)
    assert line == f"{folder.title} is not at hand: set HEATPROOF_DATA to the folder that holds {folder.name}/"


@each_folder
def test_what_is_missing_is_named(own: Path, folder: _folder.Folder) -> None:
    assert f"{own / folder.name} is not there" in refusal(folder.listing)
    for place in folder.places:
        LAYOUTS[folder](own)
        (own / folder.name / place).rename(own / folder.name / "elsewhere")
        line = refusal(folder.listing)
        assert f"{own / folder.name / place} is not there; put {folder.name}/" in line
        (own / folder.name / "elsewhere").rename(own / folder.name / place)
        assert folder.listing().classes == CLASSES


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("CUB_200_2011/images.txt", "3 003.Bird", "3 003. Bird", ("line 3 of", "images.txt", "expected two words")),
        ("CUB_200_2011/image_class_labels.txt", "\n7 1\n", "\n", ("image_class_labels.txt has no line for '7'",)),
        ("CUB_200_2011/train_test_split.txt", "1 1\n", "1 yes\n", ("train_test_split.txt", "whole numbers", "'yes'")),
        ("CUB_200_2011/image_class_labels.txt", "1 1\n", "1 0\n", ("a class below 1",)),
        ("CUB_200_2011/images.txt", "Bird_4.jpg", "Bird_four.jpg", ("Bird_four.jpg cannot be read (No such file",)),
    ],
)
def test_a_malformed_list_is_one_line(own: Path, file: str, old: str, new: str, words: tuple[str, ...]) -> None:
    cub(own)
    text = (own / file).read_text()
    assert old in text
    (own / file).write_text(text.replace(old, new, 1))
    line = refusal(CUB.listing)
    for word in ("CUB-200-2011: ", *words):
        assert word in line
    (own / file).write_text(text)
    assert CUB.listing().classes == CLASSES


def test_pictures_that_are_in_no_folder_of_a_class(own: Path) -> None:
    write_picture(own / "imagenet/val/ILSVRC2012_val_00000001.JPEG", 0)
    assert "sort the pictures into one folder for each class" in refusal(IMAGENET.listing)
    (own / "imagenet/val/n01").mkdir()
    (own / "imagenet/val/n01/notes.txt").write_text("no picture")
    assert "has no pictures" in refusal(IMAGENET.listing)


@each_folder
@pytest.mark.parametrize("right", [True, False])
def test_the_first_right_and_the_first_wrong_ones(
    data: Path, weights: Path, folder: _folder.Folder, right: bool
) -> None:
    """Against a plain loop over the order, picture by picture."""
    batch = ask(folder, right, 5)
    gate, expected = tasks[f"mini_{folder.name}_right@mini"].gate(), []
    for picture in folder.listing().orders["test"]:
        x = by_hand(picture.file)[None]
        if (int(gate.logits(x).argmax()) == picture.label) == right:
            expected.append(picture)
    assert batch.ids == tuple(picture.id for picture in expected[:5])
    assert batch.target.tolist() == [picture.label for picture in expected[:5]]
    assert torch.equal(batch.x, torch.stack([by_hand(picture.file) for picture in expected[:5]]))
    assert bool(((gate.logits(batch.x).argmax(1) == batch.target) == right).all())
    assert batch.truth is None


def by_hand(file: Path) -> Tensor:
    """The shorter side becomes 40 pixels, the middle of 32 x 32 is cut out."""
    picture = Image.open(file).convert("RGB")
    short = min(picture.size)
    width, height = (round(side * 40 / short) for side in picture.size)
    left, top = (width - SIZE) // 2, (height - SIZE) // 2
    array = np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32) / 255
    return torch.from_numpy(array[top : top + SIZE, left : left + SIZE].transpose(2, 0, 1).copy())


@pytest.mark.parametrize("size", [(33, 90), (400, 40), (7, 7), (32, 32)])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_pictures_of_all_shapes_and_modes(tmp_path: Path, size: tuple[int, int], mode: str) -> None:
    Image.new("RGB", size, (255, 0, 51) if mode != "L" else (51, 51, 51)).convert(mode).save(tmp_path / "a.jpg")
    x = _questions._decoded(tmp_path / "a.jpg", _questions.View(SIZE, 0.875))
    assert x.shape == (3, SIZE, SIZE)
    expected = torch.tensor([1.0, 0.0, 0.2] if mode != "L" else [0.2] * 3)
    assert torch.allclose(x.mean((1, 2)), expected, atol=0.02)
    assert float(x.std((1, 2)).max()) < 0.01


def test_units_baseline_and_pool(data: Path, weights: Path) -> None:
    batch = ask(IMAGENET, True, 3)
    assert torch.equal(batch.baseline, torch.zeros_like(batch.x))
    grid = batch.units[0].reshape(SIZE, SIZE)
    assert grid[0, 0] == grid[15, 15] == 0
    assert (grid[0, 16], grid[16, 0], grid[31, 31]) == (1, 2, 3)
    assert batch.imputer == "baseline"
    assert batch.pool is not None
    tune = IMAGENET.listing().orders["tune"]
    assert torch.equal(batch.pool, torch.stack([by_hand(picture.file) for picture in tune[:8]]))
    asked, tune = ask(CUB, False, 6, "tune"), CUB.listing().orders["tune"]
    assert not set(asked.ids) & {picture.id for picture in tune[:8]}
    assert set(asked.ids) <= {picture.id for picture in tune[8:]}


def test_no_more_is_decoded_than_is_needed(data: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path] = []
    decode = _questions._decoded
    monkeypatch.setattr(_questions, "_decoded", lambda file, view: (seen.append(file), decode(file, view))[1])
    monkeypatch.setattr(_questions, "PORTION", 4)
    tasks["mini_CUB_200_2011_right@mini"].version  # noqa: B018 - nothing is decoded for a hash
    assert not seen
    order = [picture.file for picture in CUB.listing().orders["test"]]
    batch = ask(CUB, True, 2)
    own = [file for file in seen if file not in {p.file for p in CUB.listing().orders["tune"]}]
    last = max(order.index(CUB.listing().orders["test"][0].file.parents[1] / name) for name in batch.ids)
    assert set(own) <= set(order[: last + 4])
    assert len(own) < len(order)
    met = _questions.search(tasks["mini_CUB_200_2011_right@mini"].gate().network, CUB.listing(), "test").met
    assert last < met <= last + 4
    seen.clear()
    ask(CUB, False, 1)
    assert len(seen) <= 1 + 4  # what is predicted already is not predicted again


def test_there_are_not_enough_of_them(data: Path, weights: Path) -> None:
    total = len(IMAGENET.listing().orders["test"])
    counts = {}
    for right in (True, False):
        line = refusal(lambda right=right: ask(IMAGENET, right, 500))
        assert f"500 samples are asked for, but of the {total} pictures of ImageNet for 'test'" in line
        counts[right] = int(line.partition("predicts ")[2].split()[0])
    assert counts[True] + counts[False] == total
    assert len(ask(IMAGENET, False, counts[False])) == counts[False]


def test_results_do_not_depend_on_portions_or_on_what_was_asked_before(
    data: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask(CELEBA, False, 6)
    _questions.search.cache_clear()
    monkeypatch.setattr(_questions, "PORTION", 1)
    for size in (2, 6):
        task = tasks["mini_celeba_wrong@mini"]
        again = task.samples(task.gate(1), "test", size)
        assert again.ids == first.ids[:size]
        assert torch.equal(again.x, first.x[:size])


@pytest.mark.parametrize("content", [b"", b"no picture", None])
def test_an_unreadable_picture_is_named(own: Path, weights: Path, content: bytes | None) -> None:
    imagenet(own)
    file = IMAGENET.listing().orders["test"][1].file
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if content is None else content)
    line = refusal(lambda: ask(IMAGENET, True, 4))
    assert line.startswith(f"{file} cannot be read as a picture (")
    assert line.count(str(file)) == 1
    assert refusal(lambda: ask(IMAGENET, True, 4)) == line  # nothing is passed over the second time
    file.write_bytes(whole)
    assert len(ask(IMAGENET, True, 4)) == 4


def test_a_network_with_another_number_of_classes_is_refused(data: Path, weights: Path) -> None:
    save_file(trained(classes=5), weights / "mini.safetensors")
    line = refusal(lambda: ask(IMAGENET, True, 1))
    assert "ImageNet has 3 classes here, the network 5" in line


def test_versions_depend_on_weights_and_on_data(own: Path, weights: Path) -> None:
    imagenet(own)
    task = tasks["mini_imagenet_right@mini"]
    first, network = task.version, models["mini"].version
    assert (task.version, models["mini"].version) == (first, network)
    before = ask(IMAGENET, True, 3)
    save_file(trained(seed=1), weights / "mini.safetensors")
    assert models["mini"].version != network
    assert task.version != first
    assert task.sample_set != first
    assert not torch.equal(task.gate().logits(before.x), Gate(built_before(before)).logits(before.x))
    save_file(trained(), weights / "mini.safetensors")
    assert task.version == first
    file = IMAGENET.listing().pictures[0].file
    file.write_bytes(file.read_bytes() + b" ")
    _folder._listed.cache_clear()
    changed = task.version
    assert changed != first
    write_picture(own / "imagenet/val/n03/a.JPEG", 3)
    _folder._listed.cache_clear()
    assert task.version not in (first, changed)
    assert models["mini"].version == network


def built_before(batch: Batch) -> object:
    """The network that the first weights make."""
    from heatproof.models.adapters import adapt

    module = timm.create_model(
        "test_resnet", num_classes=CLASSES, pretrained_cfg_overlay=Preparation(HALF, 0.8, SIZE).config
    )
    module.load_state_dict(trained())
    return adapt(module.eval())


def test_a_file_is_hashed_once_until_it_changes(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import heatproof.models.own_weights as module

    module._sha256.cache_clear()
    for _ in range(3):
        _ = models["mini"].version
    assert module._sha256.cache_info().misses == 1


def test_preparation_is_what_was_declared(weights: Path) -> None:
    network = built(models["mini"])
    assert torch.allclose(network.preprocess(torch.full((1, 3, SIZE, SIZE), 0.75)), torch.tensor(0.5))
    assert _questions.View.of(network) == _questions.View(SIZE, 0.8)
    wide = models["imagenet_resnet101"], models["imagenet_vit_base_patch16_224"]
    assert all(each.train is None for each in wide)


def test_weights_as_they_are_saved_elsewhere(weights: Path) -> None:
    expected = built(models["mini"]).logits(torch.full((1, 3, SIZE, SIZE), 0.3))
    state = trained()
    (weights / "mini.safetensors").unlink()
    parallel = {f"module.{key}": value for key, value in state.items()}
    for saved in (state, {"state_dict": state, "epoch": 3}, {"model": parallel, "optimizer": {"lr": 0.1}}):
        torch.save(saved, weights / "mini.pth")
        assert torch.equal(built(models["mini"]).logits(torch.full((1, 3, SIZE, SIZE), 0.3)), expected)


class Unsafe:
    """An object that would run code when it is loaded."""

    def __reduce__(self) -> tuple[object, ...]:
        return print, ("loaded",)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda file: file.write_bytes(b"no weights"), "cannot be read as weights"),
        (lambda file: file.write_bytes(b""), "cannot be read as weights"),
        (lambda file: torch.save(Unsafe(), file), "cannot be read as weights"),
        (lambda file: torch.save([1, 2], file), "holds a list: expected a state dict"),
        (lambda file: torch.save({"a": 1}, file), "holds a dict: expected a state dict"),
        (lambda file: torch.save({"a": torch.ones(1)}, file), "has no 'fc.weight': expected the state dict of timm's"),
        (lambda file: torch.save({"fc.weight": torch.ones(3, 2)}, file), "does not fit timm's test_resnet"),
    ],
)
def test_a_file_that_is_no_weights_of_the_network(
    weights: Path, write: Callable[[Path], object], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (weights / "mini.safetensors").unlink()
    write(weights / "mini.pth")
    line = refusal(lambda: built(models["mini"]))
    assert words in line
    assert str(weights / "mini.pth") in line
    assert len(line) < 400
    assert "loaded" not in capsys.readouterr().out


def test_where_there_are_no_weights_it_says_what_to_do(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (weights / "mini.safetensors").unlink()
    line = refusal(lambda: built(models["mini"]))
    wanted = f"put mini.safetensors or mini.pth into {weights}, which HEATPROOF_WEIGHTS names"
    assert line == f"mini needs weights that you have: {wanted}"
    monkeypatch.delenv("HEATPROOF_WEIGHTS")
    assert "set HEATPROOF_WEIGHTS to a folder that holds mini.safetensors or mini.pth" in refusal(
        lambda: built(models["mini"])
    )
    save_file(trained(), weights / "mini.safetensors")
    monkeypatch.setenv("HEATPROOF_WEIGHTS", str(weights))
    assert built(models["mini"]).module is not None


def test_building_leaves_the_random_state(weights: Path) -> None:
    state = torch.random.get_rng_state()
    built(models["mini"])
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.usefixtures("nothing")
def test_what_is_not_at_hand_is_impossible_and_still_has_a_version() -> None:
    for name in SHIPPED:
        assert "HEATPROOF_DATA" in tasks[name].absent
        assert tasks[name].capability == ""
    assert len({tasks[name].version for name in SHIPPED}) == len(SHIPPED)
    assert "HEATPROOF_WEIGHTS" in refusal(lambda: built(models["cub_resnet101"]))


def test_data_without_weights_are_impossible_for_the_weights(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEATPROOF_WEIGHTS", raising=False)
    assert tasks["cub_correct@cub_resnet101"].absent.startswith("cub_resnet101 needs weights that you have")


def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["heatproof", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    said = capfd.readouterr()
    return int(stop.value.code or 0), said.out, said.err


def test_a_suite_on_ones_own_pictures_from_the_plan_to_the_report(
    data: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    names = ["mini_CUB_200_2011_right@mini", "mini_celeba_wrong@mini", "cub_correct@cub_resnet101"]
    Path("own.toml").write_text(
        f'name = "own"\nversion = "1"\nsamples = 3\ntasks = {json.dumps(names)}\n'
        'methods = ["random", "oracle", "gradient", "leave_one_out"]\nmetrics = ["perturbation_curves", "sparseness"]\n'
    )
    status, out, _ = run(monkeypatch, capfd, "plan", "own.toml", "--json")
    plan = json.loads(out)
    reasons = {cell["reason"] for cell in plan["cells"] if cell["task"] == names[2]}
    assert status == 0
    assert len(reasons) == 1
    assert reasons.pop().startswith("cub_resnet101 needs weights that you have: put cub_resnet101.safetensors")
    assert not any(cell["reason"] for cell in plan["cells"] if cell["task"] != names[2] and cell["method"] != "oracle")
    assert plan["estimate"]["forward"] > 0
    status, out, err = run(monkeypatch, capfd, "run", "own.toml")
    assert (status, err.strip()) == (0, "")
    assert "no ranking: no task of this suite knows the truth" in out
    results = Results.read(Path("runs/own"))
    cells = results.cells.set_index(["task", "method", "metric"])["status"]
    assert (cells[names[0]]["gradient"] == "ok").all()
    assert (cells[names[2]] == "skipped").all()
    assert results.maps(names[0], "gradient").ids == ask(CUB, True, 3).ids  # type: ignore[union-attr]
    for kind in ("html", "markdown", "latex", "csv", "json"):
        assert run(monkeypatch, capfd, "report", "runs/own", "--format", kind)[0] == 0
    status, out, _ = run(monkeypatch, capfd, "agreement", "runs/own", "--json")
    assert list(json.loads(out)["tasks"]) == names[:2]


def test_too_few_pictures_are_skipped_cells_with_their_reason(
    data: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.toml").write_text(
        'name = "own"\nversion = "1"\nsamples = 400\ntasks = ["mini_imagenet_wrong@mini"]\n'
        'methods = ["random", "gradient"]\nmetrics = ["sparseness"]\n'
    )
    assert run(monkeypatch, capfd, "plan", "own.toml")[0] == 0
    status, out, err = run(monkeypatch, capfd, "run", "own.toml")
    assert (status, err.strip()) == (0, "")
    assert "400 samples are asked for" in out
    assert set(Results.read(Path("runs/own")).cells["status"]) == {"skipped"}
