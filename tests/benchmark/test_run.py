"""Plans and runs of a tiny suite: nothing is lost, nothing is computed twice, and every no has its reason."""

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from heatproof.benchmark import Record, Refused, UnknownName, import_file, method, methods, metrics, tasks
from heatproof.benchmark.attempts import OutOfTime, limited
from heatproof.benchmark.estimate import estimate
from heatproof.benchmark.harness import Asked
from heatproof.benchmark.plan import Cell, plan
from heatproof.benchmark.question import Model, models
from heatproof.benchmark.results import Results
from heatproof.benchmark.run import How, run
from heatproof.benchmark.store import Store
from heatproof.benchmark.suite import Suite

PARTS = Path(__file__).with_name("tiny_parts.py")
MASK, BOX, EFFECT = "tiny_mask@tiny_net", "tiny_mask@tiny_box", "tiny_effect@tiny_net"


class Wordless(Exception):  # noqa: N818
    """An error that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("nothing to say")


@pytest.fixture(autouse=True)
def _tiny(own_parts: None) -> None:
    import_file(PARTS)


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Counter[str]]:
    """Return the function that returns the calls since it was last asked."""
    path = tmp_path / "calls.log"
    monkeypatch.setenv("TINY_LOG", str(path))

    def taken() -> Counter[str]:
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return Counter(lines)

    return taken


def suite(**changes: object) -> Suite:
    whole: dict[str, object] = {
        "name": "tiny",
        "version": "1",
        "samples": 5,
        "repeats": 2,
        "tasks": [MASK, EFFECT],
        "methods": ["tiny_gradient", "tiny_noise"],
        "metrics": ["tiny_mass", "tiny_product", "tiny_extremes"],
    }
    return Suite.model_validate({**whole, **changes})


def found(results: Results) -> dict[tuple[str, str, str, int], Record]:
    return {(r.task, r.method, r.metric, r.seed): r for r in results.records}


def timeless(record: Record) -> object:
    """Return all of a record that must not depend on when and where it was made."""
    costs = [(cost.forward, cost.backward) for cost in (record.cost, record.explained)]
    scores = {name: values.numpy().tobytes() for name, values in record.scores.items()}
    return record.status, record.reason, record.ids, scores, costs


def same(left: Results, right: Results) -> bool:
    one, two = ({place: timeless(r) for place, r in found(results).items()} for results in (left, right))
    return one == two


def test_a_plan_names_every_cell_and_the_reasons_of_the_impossible_ones() -> None:
    cells = plan(suite(tasks=[MASK, BOX, EFFECT]))
    places = Counter(cell.names for cell in cells)
    assert set(places.values()) == {1}
    assert len(cells) == 3 * (1 + 2) * 3
    reasons = {(cell.task.name, cell.method.part.name, cell.metric.part.name): cell.reason for cell in cells}
    box = reasons[BOX, "tiny_gradient", "tiny_extremes"]
    assert box.startswith("tiny_gradient needs a Differentiable model, ")
    assert box.endswith(" is only BlackBox")
    assert reasons[MASK, "tiny_noise", "tiny_product"].startswith("tiny_product needs the truth's 'effect', which ")
    possible = {place[:3] for place in places if not reasons[place[:3]]}
    assert possible == {
        (MASK, "tiny_gradient", "tiny_mass"),
        (MASK, "tiny_gradient", "tiny_extremes"),
        (MASK, "tiny_noise", "tiny_mass"),
        (MASK, "tiny_noise", "tiny_extremes"),
        (BOX, "tiny_noise", "tiny_mass"),
        (BOX, "tiny_noise", "tiny_extremes"),
        (EFFECT, "tiny_gradient", "tiny_product"),
        (EFFECT, "tiny_gradient", "tiny_extremes"),
        (EFFECT, "tiny_noise", "tiny_product"),
        (EFFECT, "tiny_noise", "tiny_extremes"),
    }


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"methods": ["tiny_gradeint"]}, UnknownName, "unknown method 'tiny_gradeint': did you mean tiny_gradient"),
        ({"metrics": ["tiny_mas"]}, UnknownName, "unknown metric 'tiny_mas': did you mean tiny_mass"),
        ({"tasks": ["tiny_mask"]}, UnknownName, "unknown task 'tiny_mask': did you mean tiny_mask@tiny_"),
        ({"settings": {"tiny_noise": {"drawss": 1}}}, ValueError, "no setting 'drawss': did you mean 'draws'"),
        ({"settings": {"tiny_nosie": {"draws": 1}}}, ValueError, "settings for 'tiny_nosie', which is not among"),
    ],
)
def test_misspelt_names_and_settings_are_errors_before_anything_runs(
    tmp_path: Path, change: dict[str, object], error: type[Exception], message: str, calls: Callable[[], Counter[str]]
) -> None:
    with pytest.raises(error, match=message):
        run(suite(**change), tmp_path / "run")
    assert not calls()


def keys(cells: tuple[Cell, ...]) -> dict[tuple[str, str, str, int], tuple[str, str]]:
    return {cell.names: (cell.explanation, cell.key) for cell in cells}


def test_what_a_cell_depends_on_changes_its_key_and_nothing_else_does() -> None:
    base = keys(plan(suite()))
    noise, gradient = (MASK, "tiny_noise", "tiny_mass", 0), (MASK, "tiny_gradient", "tiny_mass", 0)
    assert base == keys(plan(suite(summary="another", methods=["tiny_noise", "tiny_gradient"], version="2")))
    seeded = keys(plan(suite(seed=1)))
    assert seeded[noise][0] != base[noise][0]
    assert seeded[gradient] == base[gradient]
    longer = keys(plan(suite(samples=6)))
    assert not {part for pair in longer.values() for part in pair} & {part for pair in base.values() for part in pair}
    tuned = keys(plan(suite(settings={"tiny_noise": {"draws": 4}})))
    assert tuned[noise][0] != base[noise][0]
    assert tuned[gradient] == base[gradient]
    spelt = keys(plan(suite(settings={"tiny_noise": {"draws": 3}})))
    assert spelt == base


def test_the_declaration_that_maps_have_no_sign_changes_records_and_no_maps() -> None:
    signed, unsigned = (
        keys(plan(suite(methods=["tiny_noise"]), [replace(methods["tiny_gradient"], signed=signed)]))
        for signed in (True, False)
    )
    place = EFFECT, "tiny_gradient", "tiny_product", 0
    assert signed[place][0] == unsigned[place][0], "the maps"
    assert signed[place][1] != unsigned[place][1], "their scores"


def test_explanations_are_shared_between_tasks_and_metrics_and_never_between_repeats() -> None:
    base = keys(plan(suite()))
    explanations = {place: explanation for place, (explanation, _) in base.items()}
    assert explanations[MASK, "tiny_noise", "tiny_mass", 0] == explanations[EFFECT, "tiny_noise", "tiny_product", 0]
    assert explanations[MASK, "tiny_noise", "tiny_mass", 0] != explanations[MASK, "tiny_noise", "tiny_mass", 1]
    assert len(set(explanations.values())) == 3
    blind = [base[task, "tiny_noise", "tiny_extremes", 0][1] for task in (MASK, EFFECT)]
    assert blind[0] == blind[1]
    assert len({key for _, key in base.values()}) == len(base) - 3


def test_a_run_scores_what_the_harness_scores(tmp_path: Path) -> None:
    results = run(suite(), tmp_path)
    records = found(results)
    assert results.title == "tiny@1"
    assert results.missing == 0
    batch = tasks[MASK].questions("test", 5)
    assert batch.truth is not None
    weight = torch.arange(1.0, 13).reshape(2, 6) / 10
    probability = (batch.x @ weight.T).softmax(1).gather(1, batch.target[:, None]).double()
    slope = (weight[batch.target] - weight[1 - batch.target]).double()
    gradient = probability * (1 - probability) * slope
    expected = (gradient.abs() * (batch.x > 0)).sum(1) / gradient.abs().sum(1)
    record = records[MASK, "tiny_gradient", "tiny_mass", 0]
    assert record.ids == batch.ids
    assert record.scores["tiny_mass"].tolist() == pytest.approx(expected.tolist(), rel=1e-5)
    assert (record.explained.forward, record.explained.backward) == (5, 5)
    assert (records[MASK, "tiny_noise", "tiny_mass", 1].explained.forward) == 15
    skipped = records[EFFECT, "tiny_noise", "tiny_mass", 0]
    assert skipped.status == "skipped"
    assert skipped.reason.startswith("tiny_mass needs the truth's 'relevant', which ")
    once, twice = (records[MASK, "tiny_noise", "tiny_extremes", seed].scores["curve"] for seed in (0, 1))
    assert once.shape == (5, 6)
    assert not torch.equal(once, twice)


def test_shared_explanations_and_scores_are_made_once(tmp_path: Path, calls: Callable[[], Counter[str]]) -> None:
    run(suite(), tmp_path / "run")
    made = calls()
    assert (made["tiny_gradient"], made["tiny_noise"]) == (1, 2)
    assert (made["tiny_mass"], made["tiny_product"], made["tiny_extremes"]) == (3, 3, 3)


def test_a_second_run_computes_nothing(tmp_path: Path, calls: Callable[[], Counter[str]]) -> None:
    first = run(suite(methods=["tiny_gradient", "tiny_failure", "tiny_refusal", "tiny_noise"]), tmp_path / "run")
    assert calls()
    files = {path: path.read_bytes() for path in (tmp_path / "run" / "store").rglob("*.parquet")}
    told: list[object] = []
    again = run(
        suite(methods=["tiny_gradient", "tiny_failure", "tiny_refusal", "tiny_noise"]),
        tmp_path / "run",
        progress=lambda *news: told.append(news),
    )
    assert not calls()
    assert not told
    assert same(first, again)
    assert {path: path.read_bytes() for path in (tmp_path / "run" / "store").rglob("*.parquet")} == files


def test_a_new_metric_scores_stored_attributions(tmp_path: Path, calls: Callable[[], Counter[str]]) -> None:
    run(suite(metrics=["tiny_mass"]), tmp_path / "run")
    calls()
    results = run(suite(), tmp_path / "run")
    made = calls()
    assert made["tiny_gradient"] == made["tiny_noise"] == made["tiny_mass"] == 0
    assert made["tiny_product"] == made["tiny_extremes"] == 3
    assert same(results, run(suite(), tmp_path / "fresh"))


def test_what_goes_wrong_in_a_part_is_its_record_and_harms_no_other(tmp_path: Path) -> None:
    names = ["tiny_failure", "tiny_refusal", "tiny_nan", "tiny_all_nan", "tiny_gradient"]
    results = run(suite(methods=names, metrics=["tiny_mass", "tiny_broken"], tasks=[MASK]), tmp_path)
    records = {(r.method, r.metric): r for r in results.records}
    failure = records["tiny_failure", "tiny_mass"]
    assert failure.status == "failed"
    assert failure.reason.startswith("ArithmeticError: the sums do not (tiny_parts.py:")
    assert "raise ArithmeticError" in failure.trace
    refusal = records["tiny_refusal", "tiny_broken"]
    assert (refusal.status, refusal.reason) == ("skipped", "there is nothing to say about tables")
    some = records["tiny_nan", "tiny_mass"]
    assert (some.status, some.reason) == ("ok", "1 of 5 maps have NaN or infinite values")
    assert some.scores["tiny_mass"].isnan().tolist() == [True, False, False, False, False]
    every = records["tiny_all_nan", "tiny_mass"]
    assert every.status == "failed"
    assert "every map has NaN or infinite values" in every.reason
    broken = records["tiny_gradient", "tiny_broken"]
    assert broken.status == "failed"
    assert "a metric that fails" in broken.reason
    assert broken.explained.forward == 5
    alone = run(suite(methods=["tiny_gradient"], metrics=["tiny_mass"], tasks=[MASK]), tmp_path / "alone")
    assert timeless(records["tiny_gradient", "tiny_mass"]) == timeless(alone.records[0])
    assert results.scores[results.scores["status"] == "failed"]["value"].isna().all()


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (Refused(""), "skipped", "it refused, and gave no reason"),
        (Refused("\0\n"), "skipped", r"\x00"),
        (Wordless(), "failed", "Wordless: its message cannot be read (test_run.py:"),
        (ValueError("no \ud800\0 text"), "failed", r"ValueError: no \ud800\x00 text (test_run.py:"),
        (ValueError("long " * 2_000_000), "failed", "ValueError: long long long"),
        (RecursionError(), "failed", "RecursionError:  (test_run.py:"),
    ],
)
def test_a_failure_that_is_hard_to_tell_is_a_record_all_the_same(
    tmp_path: Path, error: Exception, status: str, reason: str
) -> None:
    @method()
    def fails(x: Tensor) -> Tensor:
        """Fails."""
        raise error

    chosen = suite(methods=["fails", "tiny_gradient"], tasks=[MASK], metrics=["tiny_mass"])
    records = {r.method: r for r in run(chosen, tmp_path).records}
    assert records["fails"].status == status
    assert " ".join(records["fails"].reason.split()).startswith(" ".join(reason.split()))
    assert len(records["fails"].reason) <= 500
    assert records["tiny_gradient"].status == "ok"


def test_an_endless_method_runs_into_the_time_limit(tmp_path: Path) -> None:
    how = How(timeout=0.3)
    results = run(
        suite(methods=["tiny_endless", "tiny_gradient"], tasks=[MASK], metrics=["tiny_mass"]), tmp_path, how=how
    )
    records = {r.method: r for r in results.records}
    endless = records["tiny_endless"]
    assert (endless.status, endless.reason) == ("failed", "took longer than the time limit of 0.3 s")
    assert records["tiny_gradient"].status == "ok"


def test_the_time_limit_ends_with_the_work() -> None:
    with pytest.raises(OutOfTime), limited(0.05):
        time.sleep(5)
    with limited(0.05):
        pass
    threshold = torch.zeros(200, 200)
    for _ in range(20):
        threshold = threshold @ threshold


def test_failures_are_tried_again_on_request(tmp_path: Path, calls: Callable[[], Counter[str]]) -> None:
    chosen = suite(methods=["tiny_failure", "tiny_gradient", "tiny_refusal"], tasks=[MASK], metrics=["tiny_mass"])
    run(chosen, tmp_path / "run")
    calls()
    run(chosen, tmp_path / "run", how=How(retry=True))
    assert {name: n for name, n in calls().items() if n and name.startswith("tiny")} == {"tiny_failure": 1}


@pytest.mark.parametrize("size", [1, 2, 64])
def test_the_batch_size_changes_no_value(tmp_path: Path, size: int) -> None:
    base, other = (run(suite(), tmp_path / str(n), how=How(batch_size=n)) for n in (3, size))
    for place, record in found(base).items():
        for name, values in record.scores.items():
            torch.testing.assert_close(found(other)[place].scores[name], values, rtol=1e-6, atol=1e-7)
        assert found(other)[place].explained.forward == record.explained.forward


@pytest.mark.slow
def test_two_workers_write_the_same_records(tmp_path: Path) -> None:
    chosen = suite(methods=["tiny_gradient", "tiny_noise", "tiny_failure", "tiny_refusal"])
    one = run(chosen, tmp_path / "one")
    two = run(chosen, tmp_path / "two", how=How(workers=2, files=(PARTS,)))
    assert two.missing == 0
    assert same(one, two)
    names = [{p.name for p in (tmp_path / which / "store").rglob("*.parquet")} for which in ("one", "two")]
    assert names[0] == names[1]


def test_a_damaged_record_is_made_again_from_the_stored_attribution(
    tmp_path: Path, calls: Callable[[], Counter[str]]
) -> None:
    first = run(suite(), tmp_path / "run")
    store, cells = Store(tmp_path / "run" / "store"), plan(suite())
    chosen = next(cell for cell in cells if cell.names == (MASK, "tiny_noise", "tiny_mass", 0))
    store.path(chosen.key).write_bytes(b"broken")
    calls()
    again = run(suite(), tmp_path / "run")
    assert again.missing == 0
    assert same(first, again)
    assert [path.stem for path in store.damaged()] == [chosen.key]
    made = calls()
    assert (made["tiny_noise"], made["tiny_mass"]) == (0, 1)


def test_damaged_maps_are_made_again(tmp_path: Path) -> None:
    first = run(suite(metrics=["tiny_mass"]), tmp_path)
    store, cells = Store(tmp_path / "store"), plan(suite())
    for cell in cells:
        if cell.explanation in store:
            store.path(cell.explanation).write_bytes(b"broken")
    again = run(suite(), tmp_path)
    assert same(again, run(suite(), tmp_path / "fresh"))
    assert {place: timeless(r) for place, r in found(first).items()}.items() <= {
        place: timeless(r) for place, r in found(again).items()
    }.items()


@pytest.mark.parametrize("kind", ["key", "explanation"])
def test_files_that_have_changed_places_are_made_again(tmp_path: Path, kind: str) -> None:
    """Otherwise one method would be given the scores or the maps of another."""
    first, cells = run(suite(), tmp_path / "run"), plan(suite())
    one, two = (
        first.store.path(getattr(next(c for c in cells if c.names == (MASK, name, "tiny_mass", 0)), kind))
        for name in ("tiny_gradient", "tiny_noise")
    )
    kept = [path.read_bytes() for path in (one, two)]
    one.write_bytes(kept[1])
    two.write_bytes(kept[0])
    maps = {name: first.maps(MASK, name) for name in ("tiny_gradient", "tiny_noise")}
    assert maps == (dict.fromkeys(maps) if kind == "explanation" else maps)
    again = run(suite(), tmp_path / "run")
    assert same(first, again)
    assert {path.stem for path in again.store.damaged()} == {one.stem, two.stem}
    assert same(again, run(suite(), tmp_path / "fresh"))
    assert again.maps(MASK, "tiny_noise") is not None


@pytest.mark.parametrize("loss", ["removed", "damaged", "another's"])
def test_lost_maps_and_previews_are_made_again_beside_whole_records(
    tmp_path: Path, calls: Callable[[], Counter[str]], loss: str
) -> None:
    first = run(suite(), tmp_path / "run")
    store = first.store
    gone = next(cell for cell in plan(suite()) if cell.names == (MASK, "tiny_noise", "tiny_mass", 0)).explanation
    other = next(cell.explanation for cell in plan(suite()) if cell.method.part.name == "tiny_gradient")
    shown = [card["preview"] for card in first.manifest["tasks"].values()]
    kept = {path: path.read_bytes() for path in store.folder.rglob("*.parquet") if path.stem not in (gone, *shown)}
    before = store.maps(gone)
    for key in (gone, *set(shown)):
        store.path(key).unlink()
        if loss != "removed":
            store.path(key).write_bytes(b"broken" if loss == "damaged" else store.path(other).read_bytes())
    calls()
    again = run(suite(), tmp_path / "run")
    made = calls()
    assert (made["tiny_noise"], made["tiny_gradient"], made["tiny_mass"], made["tiny_extremes"]) == (1, 0, 0, 0)
    after = store.maps(gone)
    assert before is not None
    assert after is not None
    assert (after.ids, after.values.numpy().tobytes()) == (before.ids, before.values.numpy().tobytes())
    assert again.preview(MASK) is not None
    assert {path: path.read_bytes() for path in kept} == kept
    assert same(first, again)


def test_a_lost_preview_alone_is_made_again(tmp_path: Path, calls: Callable[[], Counter[str]]) -> None:
    first = run(suite(), tmp_path / "run")
    first.store.path(first.manifest["tasks"][MASK]["preview"]).unlink()
    calls()
    again = run(suite(), tmp_path / "run")
    assert not [name for name in calls() if name.startswith("tiny")]
    assert again.preview(MASK) is not None


def test_baselines_have_no_maps_and_none_are_made_of_them(tmp_path: Path, calls: Callable[[], Counter[str]]) -> None:
    base = run(suite(), tmp_path / "base").store
    baselines = {cell.key: record for cell in plan(suite()) if (record := base.record(cell.key)) is not None}
    calls()
    for _ in range(2):
        run(suite(), tmp_path / "new", [methods["tiny_gradient"]], baselines=baselines)
        assert not calls()


@pytest.mark.slow
def test_a_run_that_is_cut_short_is_finished_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(suite(), tmp_path / "whole")
    for at in range(1, 12):
        left = [at]
        real = Store._write

        def write(store: Store, *rest: object, left: list[int] = left, real: Callable[..., None] = real) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            real(store, *rest)

        folder = tmp_path / str(at)
        with monkeypatch.context() as patched:
            patched.setattr(Store, "_write", write)
            with pytest.raises(KeyboardInterrupt):
                run(suite(), folder)
        resumed = run(suite(), folder)
        assert same(resumed, whole)
        names = [{p.name for p in (base / "store").rglob("*.parquet")} for base in (tmp_path / "whole", folder)]
        assert names[0] == names[1]
        assert resumed.preview(MASK) is not None


def test_extra_methods_take_the_rest_from_the_baselines(tmp_path: Path, calls: Callable[[], Counter[str]]) -> None:
    base = run(suite(), tmp_path / "base")
    store = base.store
    baselines = {cell.key: record for cell in plan(suite()) if (record := store.record(cell.key)) is not None}
    calls()
    results = run(suite(), tmp_path / "new", [methods["tiny_nan"]], baselines=baselines)
    made = calls()
    assert (made["tiny_nan"], made["tiny_gradient"], made["tiny_noise"]) == (1, 0, 0)
    assert results.missing == 0
    assert {r.method for r in results.records} == {"tiny_gradient", "tiny_noise", "tiny_nan"}
    for place, record in found(base).items():
        assert timeless(found(results)[place]) == timeless(record)


def test_the_data_that_a_method_declares_count(tmp_path: Path) -> None:
    held = ["one"]

    @method(files=lambda: held[0])
    def reader(x: torch.Tensor) -> torch.Tensor:
        """Reads something."""
        return x * len(held[0])

    asked = suite(methods=["reader"], tasks=[MASK], metrics=["tiny_extremes"])
    before = run(asked, tmp_path).scores["value"].tolist()
    base = keys(plan(asked))
    assert keys(plan(asked)) == base
    held[0] = "three"
    assert keys(plan(asked)) != base
    assert run(asked, tmp_path).scores["value"].tolist() != before


def test_a_sweep_enters_a_variant_for_each_value(tmp_path: Path) -> None:
    swept = suite(sweep={"draws": (2, 5)}, methods=["tiny_noise", "tiny_gradient", "tiny_noise[draws=7]"])
    names = ["tiny_noise[draws=2]", "tiny_noise[draws=5]", "tiny_gradient"]
    assert list(dict.fromkeys(cell.method.part.name for cell in plan(swept))) == names
    told = suite(settings={"tiny_noise": {"draws": 4}}, methods=["tiny_noise", "tiny_noise[draws=9]"])
    draws = {cell.method.part.name: cell.method.settings["draws"] for cell in plan(told)}
    assert draws == {"tiny_noise": 4, "tiny_noise[draws=9]": 9}
    results = run(swept, tmp_path)
    assert {record.method for record in results.records if record.status == "ok"} >= set(names)


def test_the_manifest_says_what_a_reader_needs(tmp_path: Path) -> None:
    run(suite(settings={"tiny_noise": {"draws": 2}}), tmp_path)
    content = json.loads((tmp_path / "run.json").read_text())
    assert content["suite"]["name"] == "tiny"
    assert content["methods"]["tiny_noise"]["settings"] == {"layer": "", "draws": 2}
    assert content["methods"]["tiny_noise"]["stochastic"] is True
    assert content["metrics"]["tiny_extremes"]["better"] == {"tiny_least": "lower", "tiny_most": "higher"}
    assert content["tasks"][EFFECT]["truth_type"] == "interventional"
    assert content["provenance"]["versions"]["torch"] == torch.__version__
    with pytest.raises(ValueError, match="is not a run directory"):
        Results.read(tmp_path / "store")


def test_a_plan_s_cost_counts_shared_work_once() -> None:
    cells = plan(suite())
    whole = estimate(cells)
    assert (whole.forward, whole.backward) == (5 * (1 + 3 + 3), 5 * 1)
    assert whole.unknown == ()
    nothing = estimate(cells, [part for cell in cells for part in (cell.explanation, cell.key)])
    assert (nothing.forward, nothing.backward, nothing.seconds) == (0, 0, 0.0)


def test_a_model_that_does_not_use_the_evidence_is_not_asked() -> None:
    net = models["tiny_net"]
    for card, word in (
        ({"accuracy_evidence_only": 0.89}, "0.89 accuracy with the evidence alone"),
        ({"accuracy_evidence_removed": 0.16, "chance": 0.1}, "0.16 accuracy without the evidence"),
    ):
        assert word in Model(net.function, card=card).objection
    fine = {"accuracy_evidence_only": 0.9, "accuracy_evidence_removed": 0.149, "chance": 0.1}
    assert Model(net.function, card=fine).objection == ""
    assert Model(net.function).version != Model(net.function, card={"sha256": "another"}).version


def test_the_version_of_a_task_tells_what_its_answer_depends_on() -> None:
    task = tasks[MASK]
    assert replace(task, readout="logit").sample_set != task.sample_set
    assert replace(task, headline="other").version != task.version
    assert replace(task, headline="other").sample_set == task.sample_set
    assert tasks[EFFECT].sample_set == task.sample_set
    assert tasks[EFFECT].version != task.version
    assert tasks[BOX].sample_set != task.sample_set


def test_parts_are_asked_with_checked_settings() -> None:
    with pytest.raises(ValueError, match="tiny_mass has no setting 'size'"):
        Asked(metrics["tiny_mass"], {"size": 1})
