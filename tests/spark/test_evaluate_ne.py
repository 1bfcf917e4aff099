"""evaluate_ne from tables to page on customers of the real shop, and the tables it refuses."""

import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from delta_tables import read_delta

from semantic_ids.codebook import CodebookSpec, FusionSpec, encode, fit, normalized_entropy
from semantic_ids.config import load_config
from semantic_ids.errors import SemanticIdsError
from semantic_ids.fusion import FusionRows, train
from semantic_ids.job_configs import BuildSequences
from semantic_ids.ne_configs import EvaluateNe
from semantic_ids.spark.builds import Build
from semantic_ids.spark.codebooks import append_codebook, codebooks_output
from semantic_ids.spark.quantize import id_type
from semantic_ids.spark.sequences import sequences_output
from semantic_ids.spark.sources import open_source

pytestmark = pytest.mark.spark

N_USERS = 120
COLLECTIONS = ("text_embedding", "copurchase_embedding")
SMALL = {
    "codebook": "text",
    "binary_dtype": "float16",
    "positives": 300,
    "seeds": 1,
    "rates": "[0.003]",
    "table_rates": "[0.1]",
    "arms": "[digits_linear, similarity, shuffled_sids]",
}


@pytest.fixture(scope="module")
def shop(spark, root, tmp_path_factory):
    """The tables of some customers, as the jobs leave them."""
    folder = tmp_path_factory.mktemp("ne") / "a shop"
    example = root / "examples" / "online_retail"
    events = pq.read_table(example / "events.parquet")
    users = pc.unique(events["user_id"]).sort().slice(0, N_USERS)
    events = events.filter(pc.is_in(events["user_id"], users))
    clicked = pa.array(np.random.default_rng(0).integers(0, 2, len(events)))
    write(folder, "events", events.append_column("clicked", clicked))
    items = pq.read_table(example / "items.parquet", columns=["item_id", *COLLECTIONS])
    write(folder, "embeddings", items)
    vectors = {name: floats(items[name]) for name in COLLECTIONS}
    spec = FusionSpec(
        dict.fromkeys(COLLECTIONS, 1.0), digits=10, zero_is_missing=COLLECTIONS[1:], epochs=0
    )
    codebook = train(FusionRows.of(vectors, {}, spec), spec)
    ids = [codebook.codebook_id] * len(items)
    sids = {"item_id": items["item_id"], "sid": encode(vectors, codebook), "codebook_id": ids}
    write(folder, "item_sids", pa.table(sids))
    text = vectors[COLLECTIONS[0]][:600]
    other = fit(text, CodebookSpec([{"ternary": 10}], rounds=0), collection=COLLECTIONS[0])
    for each in (codebook, other):
        name = "text" if each is codebook else "other"
        output = codebooks_output(f"{folder}/codebooks")
        append_codebook(spark, output, codebook=each, name=name, lineage={}, metrics={})
    build(spark, folder, codebook, "sequences")
    return folder


def floats(column):
    blobs = b"".join(column.to_pylist())
    return np.frombuffer(blobs, "<f2").reshape(len(column), -1).astype(np.float32)


def write(folder, name, table):
    path = Path(folder) / name
    path.mkdir(parents=True)
    pq.write_table(table, path / "part.parquet")


def build(spark, folder, codebook, name):
    places = {key: f"{folder}/{key}" for key in ("events", "item_sids", "codebooks")}
    config = BuildSequences(
        **places, sequences=f"{folder}/{name}", codebook="text", buckets=2, tie_break=["basket_id"]
    )
    events = open_source(spark, "events", config.events)
    output = sequences_output(
        config.sequences, id_type(events, "user_id"), dtypes={}, buckets=config.buckets
    )
    item_sids = open_source(spark, "item_sids", config.item_sids)
    prepared = Build(config, events, item_sids, codebook, output)
    prepared.check()
    prepared.run("run-0")


@pytest.fixture
def run(spark, root, shop, tmp_path):
    """Run the job's two functions, as its shell does."""
    job = runpy.run_path(str(root / "jobs" / "evaluate_ne.py"))

    def execute(**values):
        names = ("sequences", "events", "item_sids", "embeddings", "codebooks")
        given = {name: f"{shop}/{name}" for name in names} | SMALL
        given |= {"report.folder": f"{tmp_path}/report"} | values
        config = load_config(EvaluateNe, None, [f"{key}={value}" for key, value in given.items()])
        plan = job["prepare"](spark, config)
        summary = plan.run("run-1")
        page = json.loads((tmp_path / "report" / "evaluate_ne.json").read_text())
        sections = {section["key"]: section for section in page["sections"]}
        facts = {fact["name"]: fact["value"] for fact in page["facts"]}
        return SimpleNamespace(
            summary=summary, page=page, sections=sections, facts=facts, folder=tmp_path
        )

    return execute


@pytest.mark.slow
def test_from_tables_to_page_and_predictions(run):
    found = run(
        predictions="true",
        collections="[text_embedding]",
        regimes="[{history: 20}, {history: 20, relist_days: 30}]",
    )
    assert list(found.sections) == ["regime_map", "arms_1", "arms_2", "slices_1", "slices_2"]
    predictions = pq.read_table(found.folder / "report" / "predictions" / "regime_1.parquet")
    events = pq.read_table(found.folder / "report" / "predictions" / "regime_2.parquet")
    assert predictions.select(["user_id", "timestamp", "item_id", "label"]).equals(
        events.select(["user_id", "timestamp", "item_id", "label"])
    )
    arms = found.summary.metrics["arms"]
    assert list(arms) == ["none", "traditional", "digits_linear", "similarity", "shuffled_sids"]
    for key, arm in arms.items():
        ne = normalized_entropy(predictions["label"], predictions[f"{key}_0"])
        assert arm["ne"] == pytest.approx(ne, abs=1e-9)
    assert (
        arms["traditional"]["raw_bytes_per_event"],
        arms["digits_linear"]["raw_bytes_per_event"],
    ) == (24, 2)
    assert arms["digits_linear"]["bytes_per_event"] > 0
    assert json.dumps(found.summary.metrics, allow_nan=False)
    assert found.summary.rows_out == len(predictions)
    assert "Fused codebooks" in found.page["not_measured"][0]


@pytest.mark.slow
def test_a_label_column_is_taken_as_it_is_for_the_users_that_are_drawn(run, shop):
    arms = "[item_ids, fused_linear_similarity, vectors_linear]"
    given = {"positives": 2000, "per_moment": 100, "sample_users": 60, "copurchase": 16}
    found = run(label="clicked", arms=arms, **given)
    assert found.facts["Labels"] == "the column clicked"
    raw = {key: arm["raw_bytes_per_event"] for key, arm in found.summary.metrics["arms"].items()}
    assert raw["fused_linear_similarity"] == 2
    assert raw["vectors_linear"] == 4 * (384 + 64 + 16)
    assert found.facts["Collections"].startswith(
        "copurchase_embedding, text_embedding, and copurchase: 16 floats"
    )
    assert not found.page["not_measured"]
    n_users = int(found.facts["Users"].split()[0])
    assert 35 <= n_users <= 85
    assert found.facts["Users"].startswith(f"{n_users} of {N_USERS}")
    events = pq.read_table(f"{shop}/events")
    assert 0 < found.summary.rows_in < len(events)
    n_examples = min(2000, found.summary.rows_in)
    assert n_examples * 0.4 <= found.summary.rows_out <= n_examples * 0.6


def bad_events(shop, change):
    events = pq.read_table(f"{shop}/events")
    write(shop, change.__name__, change(events))
    return f"{shop}/{change.__name__}"


def no_time(events):
    times = pc.if_else(pa.array(np.arange(len(events)) < 3), None, events["timestamp"])
    return events.set_column(events.column_names.index("timestamp"), "timestamp", times)


def far_off(events):
    times = pc.cast(events["timestamp"], pa.timestamp("us"))
    late = pa.scalar(2**60, pa.int64()).cast(
        pa.timestamp("us")
    )  # nanoseconds taken for microseconds
    times = pc.if_else(pa.array(np.arange(len(events)) < 3), late, times)
    return events.set_column(events.column_names.index("timestamp"), "timestamp", times)


def other_items(events):
    return events.set_column(1, "item_id", pa.array(["x"] * len(events)))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (no_time, "events: timestamp must not be null, got null in 3 of"),
        (far_off, "events: timestamp is not in the years 1 to 9999 in 3 of"),
        (other_items, "must have SIDs of the items in events, got none of them"),
    ],
)
def test_bad_events_end_in_one_sentence(run, shop, change, sentence):
    with pytest.raises(SemanticIdsError, match=sentence):
        run(events=bad_events(shop, change))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"label": "quantity"}, r"label: values must be 0 or 1, got [\d.]+, one of [\d,]+ that"),
        ({"label": "basket_id"}, "events: column 'basket_id' must be 0 or 1, a number or"),
        ({"collections": "[text]"}, r"embeddings: .*'text'"),
        ({"arms": "[fused]"}, "arms: there is no arm 'fused'; did you mean 'fused_"),
    ],
)
def test_keys_that_the_tables_do_not_bear_out_end_in_one_sentence(run, values, sentence):
    with pytest.raises(SemanticIdsError, match=sentence):
        run(**values)


def test_another_codebook_than_the_sequences_is_refused(run):
    with pytest.raises(SemanticIdsError, match=r"codebook: must be that of .*, got"):
        run(codebook="other")


def test_sequences_of_several_codebooks_are_refused(run, spark, shop):
    table = read_delta(f"{shop}/sequences")
    place = table.column_names.index("codebook_id")
    half = [
        ("e" * 32 if row % 2 else value)
        for row, value in enumerate(table["codebook_id"].to_pylist())
    ]
    mixed = table.set_column(place, "codebook_id", pa.array(half))
    spark.createDataFrame(mixed).write.format("delta").save(f"{shop}/mixed")
    with pytest.raises(SemanticIdsError, match=r"sequences: .* must hold SIDs of one codebook"):
        run(sequences=f"{shop}/mixed")
