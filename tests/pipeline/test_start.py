"""`plada train --from`: what is taken of a student, and what cannot be."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from plada_ref.errors import Misuse
from plada_ref.models.checkpoint import Checkpoint
from plada_ref.models.spec import ModelSpec, backbone_state, build, classifier
from plada_ref.training.start import Start

SPEC = ModelSpec("plada_convnet_s", img_size=16, grey=True)


def _student(classes: tuple[str, ...] | int) -> Checkpoint:
    count = classes if isinstance(classes, int) else len(classes)
    return Checkpoint(
        SPEC.model, classes, SPEC.preparation(), build(SPEC, count, seed=7).eval(), {}
    )


def _weight(network: torch.nn.Module) -> torch.Tensor:
    layer = classifier(network)
    assert layer is not None
    return torch.cat([layer.weight, layer.bias[:, None]], 1).detach()


def test_backbone_and_rows_of_the_same_names_are_taken() -> None:
    student, said = _student(("a", "b", "c")), list[str]()
    network = build(SPEC, 4, seed=0)
    fresh = _weight(network).clone()
    Start(student).give(network, ("c", "new", "a", "d"), said.append, fitted=False)
    mine, theirs = _weight(network), _weight(student.network)
    assert torch.equal(mine[[0, 2]], theirs[[2, 0]]) and torch.equal(mine[[1, 3]], fresh[[1, 3]])
    old = dict(backbone_state(student.network))
    for name, value in backbone_state(network):
        assert torch.equal(value, old[name]), name
    assert said == [
        "from: the student's backbone, and its classifier for 2 of the 4 classes; new: new, d"
    ]


@pytest.mark.parametrize(("had", "classes", "taken"), [(3, 3, 3), (3, 4, 0), (("a",), 1, 0)])
def test_classes_without_names(had: tuple[str, ...] | int, classes: int, taken: int) -> None:
    student, said = _student(had), list[str]()
    network = build(SPEC, classes, seed=0)
    Start(student).give(network, classes, said.append, fitted=False)
    same = torch.equal(_weight(network), _weight(student.network)) if had == classes else False
    assert same == bool(taken)
    assert f"for {taken} of the {classes} classes" in said[0]


def test_a_fitted_classifier_is_not_said_to_be_taken() -> None:
    said = list[str]()
    Start(_student(("a",))).give(build(SPEC, 1, seed=0), ("a",), said.append, fitted=True)
    assert said == [
        "from: the student's backbone; the classifier is fitted to the images of this task"
    ]


def test_the_students_preparation_is_kept_and_others_are_refused() -> None:
    start = Start(_student(("a", "b")))
    spec = start.spec(ModelSpec(SPEC.model))
    assert spec.preparation() == SPEC.preparation()
    spec.check_frozen("--tune head")  # Its weights have been learned.
    assert start.spec(replace(SPEC, random_backbone=True)).img_size == 16
    for other in (
        ModelSpec("plada_convnet_m"),
        ModelSpec(SPEC.model, img_size=32),
        ModelSpec(SPEC.model, via_size=8),
        ModelSpec(SPEC.model, pretrained=True),
    ):
        with pytest.raises(Misuse, match="--from"):
            start.spec(other)
