"""The page of a training, and what audit_quality adds for a fused codebook."""

import dataclasses

from quality_values import quality

from semantic_ids.codebook import CategoryFit
from semantic_ids.report import (
    CollectionFit,
    FusedQuality,
    Training,
    quality_page,
    render,
    training_page,
)

HISTORY = [
    {
        "epoch": epoch,
        "loss": loss,
        "error of text": loss / 2,
        "cross-entropy of kind": loss / 3,
        "accuracy of kind": 0.5,
        "digits in use": 25,
    }
    for epoch, loss in enumerate([1.5, 1.2, 1.25])
]
TRAINING = Training(
    name="wines",
    codebook_id="0" * 32,
    history=HISTORY,
    measured={
        "relative_errors": {"text": 0.6, "image": None},
        "categories": {"kind": {"accuracy": 0.9, "cross_entropy": 0.3, "prior": 1.1}},
    },
    n_training=800,
    n_held_out=80,
    embeddings="items@delta:3",
    run_id="run",
    trained_at="2026-01-02 03:04:05",
)


def section_of(page, key):
    return next(section for section in page.sections if section.key == key)


def test_a_training_page_says_which_epoch_was_kept_and_draws_the_loss():
    page = training_page(TRAINING)
    assert page.headline == "Epoch 1 of 2 was kept, with a loss of 1.2 after 1.5 at the start."
    assert section_of(page, "loss").table.values("loss_0") == (1.5, 1.2, 1.25)
    assert section_of(page, "loss").chart.kind == "line"
    assert section_of(page, "errors").table.values("errors_0") == (0.75, 0.6, 0.625)
    assert section_of(page, "categories").table.rows == (("kind", 0.9, 0.3, 1.1),)
    assert section_of(page, "collections").table.rows == (("text", 0.6), ("image", None))
    for form in ("html", "markdown", "json"):
        assert "wines" in render(page, form)


def test_a_training_without_categories_has_no_section_for_them():
    measured = {**TRAINING.measured, "categories": {}}
    history = [{"epoch": 0, "loss": 1.0, "error of text": 0.5}]
    page = training_page(dataclasses.replace(TRAINING, measured=measured, history=history))
    assert {section.key for section in page.sections} == {"collections", "loss", "errors"}


def test_an_audit_of_a_fused_codebook_tells_each_collection_and_category():
    fused = FusedQuality(
        (CollectionFit("text", 90, 10, 0.6, 0.4), CollectionFit("image", 0, 100, None, None)),
        (CategoryFit("kind", 80, 0.9, 0.3, 1.1),),
        (),
    )
    page = quality_page(quality(fused=fused))
    assert section_of(page, "collections").table.rows == (
        ("text", 90, 10, 0.6, 0.4),
        ("image", 0, 100, None, None),
    )
    assert section_of(page, "category_heads").table.rows == (("kind", 80, 0.9, 0.3, 1.1),)
    plain = {section.key for section in quality_page(quality()).sections}
    assert not {"collections", "category_heads"} & plain
