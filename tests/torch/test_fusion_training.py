"""Training of fused codebooks: what it gives, kills and resumes, and what it refuses."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from fusion_rows import SPEC, arrays, rows

from semantic_ids.codebook import FusionSpec, decode, encode, predict, save
from semantic_ids.errors import ArtefactError, InputError, SemanticIdsError, SpecError
from semantic_ids.fusion import FusionRows, measure_rows, read_codebook, train, write_rows
from semantic_ids.fusion.checkpoint import Progress
from semantic_ids.fusion.quantiser import Quantiser
from semantic_ids.fusion.training import _kept

pytestmark = pytest.mark.torch
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def codebook():
    return train(rows(), SPEC)


def test_training_gives_a_codebook_that_keeps_collections_and_categories(codebook):
    unseen = rows(300, seed=1)
    found = measure_rows(unseen, codebook)
    assert found["relative_errors"]["text"] < 0.5
    assert found["relative_errors"]["image"] < 0.6
    assert found["categories"]["kind"]["accuracy"] > 0.7
    for each in found["categories"].values():
        assert each["cross_entropy"] < each["prior"]
    assert codebook.fusion.heads["kind"].classes == tuple(f"kind {k}" for k in range(5))
    assert codebook.fusion.heads["mood"].classes == (0, 1, 2)


def test_training_is_a_function_of_rows_and_spec(codebook):
    assert train(rows(), SPEC).codebook_id == codebook.codebook_id
    other = train(rows(), dataclasses.replace(SPEC, seed=1))
    assert other.codebook_id != codebook.codebook_id


def test_epochs_lower_the_loss_of_a_random_start():
    spec = dataclasses.replace(SPEC, initial="random", rate=1e-2, epochs=8)
    history = train(rows(), spec).metrics["history"]
    assert [each["epoch"] for each in history] == list(range(9))
    assert min(each["loss"] for each in history[1:]) < 0.8 * history[0]["loss"]


def test_supervision_of_the_start_makes_sids_tell_categories():
    blind = dataclasses.replace(SPEC, epochs=0, supervision=0.0, digits=2, latent=4)
    told = dataclasses.replace(blind, supervision=5.0)
    without, with_it = (
        measure_rows(rows(), train(rows(), spec))["categories"]["kind"]["cross_entropy"]
        for spec in (blind, told)
    )
    assert with_it < without


@pytest.mark.parametrize("directions", ["average", "gradient"])
@pytest.mark.parametrize("initial", ["dpca", "random"])
def test_every_way_of_training_ends_in_use_of_all_digits(directions, initial):
    spec = dataclasses.replace(SPEC, directions=directions, initial=initial, epochs=3)
    history = train(rows(), spec).metrics["history"]
    assert history[-1]["digits in use"] == SPEC.digits


def test_a_dead_direction_starts_again_at_what_a_row_has_left():
    quantiser = Quantiser(SPEC)
    latents = torch.randn(300, 8, generator=torch.Generator().manual_seed(0))
    directions = torch.eye(6, 8)
    directions[2] = 1e6
    quantiser.begin(directions, latents)
    digits = quantiser.digits(latents)
    assert quantiser.use[2] == 0
    for _ in range(2):
        gathered = quantiser.gather(latents, digits)
        quantiser.follow(gathered, latents, torch.Generator().manual_seed(1))
    assert (quantiser.digits(latents)[:, 2] != 0).any()


def test_modality_dropout_leaves_every_item_a_collection_that_it_has():
    spec = dataclasses.replace(SPEC, modality_dropout=0.6)
    given = rows()
    places = np.arange(len(given))
    kept = torch.cat(_kept(given, places, spec, torch.Generator().manual_seed(0)), dim=1).numpy()
    has = np.stack([given.present[name] for name in spec.collections], axis=1)
    assert (kept & has).any(axis=1).all()
    assert not (kept & ~has).any()
    assert kept[has.all(axis=1)].all(axis=1).mean() == pytest.approx(0.4**2, abs=0.08)


KILLED = """
import os, signal, sys
from pathlib import Path
from fusion_rows import SPEC, rows
from semantic_ids.fusion import train

def kill_after(measures):
    if measures["epoch"] == 3:
        os.kill(os.getpid(), signal.SIGKILL)

train(rows(), SPEC, checkpoint=Path(sys.argv[1]), report=kill_after)
"""


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_codebook(codebook, tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(HERE)])}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], env=environment, check=False, timeout=400
    )
    assert killed.returncode == -signal.SIGKILL
    seen = []
    resumed = train(rows(), SPEC, checkpoint=tmp_path, report=seen.append)
    assert [measures["epoch"] for measures in seen] == [4, 5]
    assert save(resumed) == save(codebook)
    again = train(rows(), SPEC, checkpoint=tmp_path, report=seen.append)
    assert len(seen) == 2
    assert again == codebook


def test_a_checkpoint_of_another_spec_or_other_rows_is_refused(tmp_path):
    train(rows(), dataclasses.replace(SPEC, epochs=1), checkpoint=tmp_path)
    with pytest.raises(ArtefactError, match=r"must be of rate 0\.5, got one of 0\.001; remove it"):
        train(rows(), dataclasses.replace(SPEC, epochs=1, rate=0.5), checkpoint=tmp_path)
    with pytest.raises(ArtefactError, match="must be of these rows, got one of others"):
        train(rows(seed=1), dataclasses.replace(SPEC, epochs=1), checkpoint=tmp_path)
    file = tmp_path / "checkpoint.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ArtefactError, match="is damaged"):
        train(rows(), dataclasses.replace(SPEC, epochs=1), checkpoint=tmp_path)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(tmp_path):
    wild = dataclasses.replace(SPEC, rate=1e30, epochs=3)
    with pytest.raises(
        InputError, match=r"got .* not finite at (the end of )?epoch \d.*; .*text .*image"
    ):
        train(rows(), wild, checkpoint=tmp_path)
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept in ([], ["checkpoint.safetensors"])


def test_the_best_epoch_is_kept():
    model = torch.nn.Linear(1, 1)
    progress = Progress.first({"epoch": 0, "loss": 2.0}, model)
    for epoch, loss in enumerate([1.0, 3.0, 1.0], start=1):
        model.weight.data.fill_(epoch)
        progress.add({"epoch": epoch, "loss": loss}, model)
    assert progress.best_epoch == 1
    assert progress.best["weight"] == 1


def test_training_stops_when_it_no_longer_helps():
    impatient = dataclasses.replace(SPEC, rate=0.3, epochs=50, patience=2)
    losses = [each["loss"] for each in train(rows(), impatient).metrics["history"]]
    assert len(losses) < 51
    assert losses.index(min(losses)) == len(losses) - 1 - 2


@pytest.mark.slow
def test_two_processes_train_one_codebook(tmp_path):
    given = rows(395)  # steps of 59 and 60 rows
    write_rows(tmp_path, given, SPEC)
    script = "import sys; from semantic_ids.fusion import train_rank; train_rank(sys.argv[1], None)"
    file = tmp_path / "rank.py"
    file.write_text(script)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *launch, str(file), str(tmp_path)]
    subprocess.run(command, env=environment, check=True, timeout=400, capture_output=True)
    both = read_codebook(tmp_path)
    epochs = [json.loads(line) for line in (tmp_path / "epochs.jsonl").read_text().splitlines()]
    assert epochs == both.metrics["history"]
    single = train(given, SPEC)
    assert epochs[0] == single.metrics["history"][0]
    alone, together = (each.metrics["history"][-1]["loss"] for each in (single, both))
    assert together == pytest.approx(alone, rel=0.05)


def change(vectors, categories, **changed):
    for name, values in changed.items():
        (vectors if name in vectors else categories)[name] = values
    return vectors, categories


def spoiled_sum(moods):
    moods = moods.copy()
    moods[7] *= 1.25
    return moods


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda v, c: v.pop("image"), "collection 'image' is not among the columns"),
        (lambda v, c: v.update(text=[[1, 2], [3]]), "text: rows must have one length"),
        (lambda v, c: c.pop("kind"), "category 'kind' is not among the columns"),
        (
            lambda v, c: c.update(kind=["red"] * 400),
            r"kind: a category must have at least two classes, got \['red'\]",
        ),
        (
            lambda v, c: c.update(kind=list(range(400))),
            "kind: a category must have more rows than classes, got 400 rows of 400 classes",
        ),
        (lambda v, c: c.update(kind=[1, "a"] * 200), "labels must be all text or all whole"),
        (lambda v, c: c.update(kind=[1.5] * 400), "a label must be text or a whole number"),
        (
            lambda v, c: c.update(mood=spoiled_sum(c["mood"])),
            "mood: probabilities of a row must sum to 1, got 1.25 and 1 such rows",
        ),
        (
            lambda v, c: v.update(image=np.full((400, 9), np.nan)),
            "image: at least one row must have a vector, all 400 lack it",
        ),
        (
            lambda v, c: v.update(text=np.full((400, 12), np.nan)),
            "text: at least one row must have a vector",
        ),
        (lambda v, c: v["text"].__setitem__((3, 4), np.inf), "text: vectors must be finite"),
        (lambda v, c: v.update(image=v["image"][:9]), "image: must have 400 rows as the others"),
        (lambda v, c: c.update(kind=["a", "b"]), "kind: must have 400 labels, one a row, got 2"),
    ],
)
def test_bad_rows_are_refused_in_a_sentence(spoil, message):
    vectors, categories = arrays()
    spoil(vectors, categories)
    with pytest.raises(SemanticIdsError, match=message):
        FusionRows.of(vectors, categories, SPEC)


def test_items_without_any_collection_and_too_few_rows_are_refused():
    vectors, categories = arrays()
    for x in vectors.values():
        x[5] = np.nan
    with pytest.raises(InputError, match="at least one collection, got 1 rows that have none"):
        FusionRows.of(vectors, categories, SPEC)
    few = {name: x[:6] for name, x in arrays()[0].items()}
    few["text"][:] = 1
    spec = dataclasses.replace(SPEC, categories={})
    with pytest.raises(InputError, match="digits: 6 needs at least as many rows to train on, got"):
        FusionRows.of(few, {}, spec)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"collections": {}}, "collections must name at least one"),
        ({"collections": {"a": 0}}, "collections: the weight of 'a' must be above 0, got 0"),
        ({"collections": {"a": 1}, "digits": 40}, "stages must fit in 8 bytes"),
        ({"collections": {"a": 1}, "digits": 30, "latent": 20}, "latent must be at least digits"),
        ({"collections": {"a": 1}, "digts": 3}, "unknown spec key 'digts', did you mean 'digits'"),
        ({"collections": {"a": 1}, "initial": "pca"}, "initial must be dpca or random, got 'pca'"),
        ({"collections": {"a": 1}, "modality_dropout": 1}, "from 0 to below 1, got 1"),
        ({"collections": {"a": 1}, "rate": "fast"}, "rate must be at least 0, got 'fast'"),
        ({"collections": {"a": 1}, "zero_is_missing": ["b"]}, "zero_is_missing must name coll"),
        ({"collections": ["a"]}, "collections must be a mapping of names to weights"),
        ({"collections": {"a": 1}, "hidden": 3}, "hidden must be a list, got 3"),
        ({"collections": {"a": 1}, "batch_rows": 1}, "batch_rows must be a whole number of at"),
        ({"categories": {"a": 1}}, "a fusion spec must have collections"),
    ],
)
def test_a_bad_spec_is_refused_in_a_sentence(options, message):
    with pytest.raises(SpecError, match=message):
        FusionSpec.from_dict(options)


def test_a_spec_survives_its_dict():
    assert FusionSpec.from_dict(json.loads(json.dumps(SPEC.to_dict()))) == SPEC


def test_soft_predictions_are_learnt(codebook):
    given = rows()
    sids = encode(given.vectors, codebook)
    truth = given.targets["mood"]
    known = ~np.isnan(truth).any(axis=1)
    mean = truth[known].mean(axis=0)
    predicted = predict(sids[known], codebook, "mood")
    assert np.abs(predicted - truth[known]).mean() < np.abs(mean - truth[known]).mean()


def test_items_that_lack_a_collection_decode_near_their_full_sids(codebook):
    given = rows()
    both = given.present["text"] & given.present["image"]
    full = {name: x[both] for name, x in given.vectors.items()}
    text_only = {**full, "image": np.full_like(full["image"], np.nan)}
    wanted = full["text"]
    decoded = [decode(encode(x, codebook), codebook, collection="text") for x in (full, text_only)]
    errors = [float(((wanted - x) ** 2).sum()) for x in decoded]
    assert errors[1] < 3 * errors[0]
    spread = float(((wanted - wanted.mean(axis=0)) ** 2).sum())
    assert errors[1] < spread
