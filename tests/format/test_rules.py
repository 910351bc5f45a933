"""A rule stands for a list: what it keeps, how it is written, and that it is bound to its codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plada_conformance import appendix_b, plain_decoder

from pladafmt import (
    BadCodes,
    Codes,
    Limits,
    Mismatch,
    Payload,
    PoolRef,
    Rule,
    Unwritable,
    content_id,
    dumps,
    loads,
    read_rule,
    rewrite,
    validate,
)
from pladafmt.loops import backend
from pladafmt.rules import rule as rule_module
from pladafmt.salvage import salvage
from pladafmt.testing import damaged, rule_payloads

Drawn = tuple[Payload, Rule, Codes]


def _rows(codes: Codes) -> list[bytes]:
    return [row.tobytes() for row in codes.table]


@given(rule_payloads(), st.booleans(), st.none() | st.integers(1, 60))
def test_a_rule_and_its_list_mean_the_same(drawn: Drawn, dense: bool, span: int | None) -> None:
    payload, rule, codes = drawn
    data = dumps(payload, rule=rule, codes=codes, dense=dense, block_span=span)
    assert loads(data, codes=codes) == payload
    assert content_id(payload).hex() == validate(data, codes=codes).facts["content_id"]
    listed = rewrite(data, codes=codes, drop_rule=True)
    assert loads(listed.data) == payload
    assert listed.content_id == content_id(payload)
    again = rewrite(data, codes=codes, encoding="delta")
    assert read_rule(again.data) is not None and loads(again.data, codes=codes) == payload
    assert plain_decoder.decode(data, codes=_rows(codes)).content_id == listed.content_id
    found = read_rule(data)
    assert found is not None and found.codes_id == rule.codes_id
    for name in ("weights", "biases", "thresholds", "shift"):
        assert np.array_equal(getattr(found, name), getattr(rule, name))


@given(rule_payloads())
def test_what_is_kept_is_what_the_specification_says(drawn: Drawn) -> None:
    payload, rule, codes = drawn
    images = payload.pool.size
    kept = rule.keep(codes, images)
    table = [list(map(int, row)) for row in codes.table[:images]]
    parts = (rule.weights, rule.biases, rule.thresholds)
    wanted = appendix_b.kept_by_rule(*(part.tolist() for part in parts), table)
    assert wanted == list(zip(kept.positions.tolist(), kept.labels.tolist(), strict=True))
    scores = rule.scores(codes.table[kept.positions])
    best = np.sort(scores, axis=1)
    assert np.array_equal(scores.argmax(axis=1), kept.labels)
    assert np.array_equal(best[:, -1] - best[:, -2], kept.margins)
    assert codes.id_of(images) == appendix_b.codes_id(table)


@given(rule_payloads(), st.data())
def test_whatever_is_damaged_is_told(drawn: Drawn, data: st.DataObject) -> None:
    payload, rule, codes = drawn
    bad = data.draw(damaged(dumps(payload, rule=rule, codes=codes)))
    report = validate(bad, codes=codes)
    try:
        plain = plain_decoder.decode(bad, codes=_rows(codes)).content_id.hex()
    except plain_decoder.Refused as refused:
        assert (refused.error_class, refused.code) == (report.verdict, report.code)
    else:
        assert report.ok and plain == report.facts["content_id"]
    without = validate(bad)
    if report.ok and read_rule(bad) is not None:
        assert (without.verdict, without.code) == ("mismatch", "codes-mismatch")


def _many(images: int = 300_000) -> Drawn:
    random = np.random.default_rng(0)
    codes = Codes(random.integers(-128, 128, (images, 8), dtype=np.int8))
    rule = Rule(
        codes.id_of(images)[:8],
        random.integers(-3, 4, (10, 6)),
        random.integers(-90, 90, 10),
        random.integers(0, 900, 10),
    )
    kept = rule.keep(codes, images)
    payload = Payload(PoolRef(bytes(32), images), 10, kept.positions, kept.labels)
    return payload, rule, codes


def test_shares_and_steps_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    payload, rule, codes = _many()
    scores = codes.table[:, :6].astype(np.int64) @ rule.weights.T.astype(np.int64) + rule.biases
    labels = scores.argmax(axis=1)
    best = np.sort(scores, axis=1)
    (kept,) = np.nonzero(best[:, -1] - best[:, -2] >= rule.thresholds[labels])
    assert np.array_equal(kept, payload.positions)
    assert np.array_equal(labels[kept], payload.labels)
    monkeypatch.setattr(rule_module, "_SHARE", 7919)
    monkeypatch.setattr(rule_module, "_CELLS", 5000)
    assert np.array_equal(rule.keep(codes, len(codes)).positions, payload.positions)


@given(st.data())
def test_every_image_is_as_in_integers(data: st.DataObject) -> None:
    """Many classes and columns, the largest scores that a rule may give, ties, exact thresholds."""
    images, columns, classes = (
        data.draw(st.integers(0, 80)),
        data.draw(st.integers(1, 6) | st.sampled_from([31, 128, 1022])),
        data.draw(st.integers(2, 5) | st.sampled_from([33, 65, 150])),
    )
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    most = data.draw(st.sampled_from([1, 128]))
    table = random.integers(-most, min(most, 127) + 1, (images, columns + 2), dtype=np.int8)
    weights = random.integers(-15, 16, (classes, columns)) // data.draw(st.sampled_from([1, 8]))
    weights[0, 0] = 1  # Some weight is not zero.
    biases = random.integers(-3, 4, classes)
    if data.draw(st.booleans()):
        room = 2**24 - 1 - 128 * np.abs(weights).sum(axis=1)
        biases = room * random.choice([-1, 1], classes)
    scores = table[:, :columns].astype(np.int64) @ weights.T + biases
    labels = scores.argmax(axis=1)
    ordered = np.sort(scores, axis=1)
    margins = ordered[:, -1] - ordered[:, -2]
    thresholds = np.zeros(classes, np.int64)
    if images and data.draw(st.booleans()):
        thresholds[:] = random.choice(margins)
        thresholds[::2] += 1
    rule = Rule(bytes(8), weights, biases, thresholds)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rule_module, "_SHARE", 70)
        patch.setattr(rule_module, "_CELLS", 40 * max(classes, columns))
        kept = rule.keep(Codes(table), images)
    (wanted,) = np.nonzero(margins >= thresholds[labels])
    assert np.array_equal(kept.positions, wanted)
    assert np.array_equal(kept.labels, labels[wanted])
    assert np.array_equal(kept.margins, margins[wanted])
    assert np.array_equal(rule.scores(table), scores)


def test_margins_are_integers() -> None:
    """Scores are exact in single precision; margins of more than 2^24 are not."""
    codes = Codes(np.arange(-20, 20, dtype=np.int8)[:, None])
    parts = np.array([[1], [0]]), np.array([2**23, -(2**23)]), np.array([2**24 + 1, 0])
    rule = Rule(codes.id_of(40)[:8], *parts)
    kept = rule.keep(codes, 40)
    assert kept.positions.tolist() == list(range(21, 40))
    assert kept.margins.tolist() == [2**24 + code for code in range(1, 20)]


def test_a_rule_is_for_its_codes_alone() -> None:
    payload, rule, codes = _many(1000)
    data = dumps(payload, rule=rule, codes=codes)
    table = codes.table.copy()
    table[77, 7] += 1  # The rule does not use this column.
    for others in (
        None,
        Codes(table),
        Codes(codes.table[:-1]),
        Codes(codes.table[:, :5]),
        Codes(codes.table[::-1]),
    ):
        with pytest.raises(Mismatch, match="codes") as caught:
            loads(data, codes=others)
        assert caught.value.code == "codes-mismatch" and caught.value.field == "RULE.codes_id"
    grown = Codes(np.concatenate([codes.table, table]))
    assert loads(data, codes=grown) == payload


def test_what_no_file_can_say() -> None:
    payload, rule, codes = _many(1000)
    other = Payload(payload.pool, 10, payload.positions[1:], payload.labels[1:])
    with pytest.raises(Unwritable, match="keeps 1 images that the payload does not"):
        dumps(other, rule=rule, codes=codes)
    weighted = Payload(payload.pool, 10, payload.positions, payload.labels, np.ones(payload.kept))
    with pytest.raises(Unwritable, match="weights or a rule"):
        dumps(weighted, rule=rule, codes=codes)
    with pytest.raises(Unwritable, match="codes"):
        dumps(payload, rule=rule)
    parts = {"weights": rule.weights, "biases": rule.biases, "thresholds": rule.thresholds}
    for wrong in (
        {"weights": rule.weights * 6},
        {"weights": rule.weights[:1]},
        {"biases": rule.biases + 2**24},
        {"biases": rule.biases[1:]},
        {"thresholds": rule.thresholds - 901},
        {"thresholds": rule.thresholds + 2**25},
        {"shift": 3},
        {"shift": 16},
    ):
        with pytest.raises(Unwritable, match="rule"):
            Rule(rule.codes_id, **parts | wrong)


def test_the_work_is_limited_before_it_is_done() -> None:
    payload, rule, codes = _many(1000)
    data = dumps(payload, rule=rule, codes=codes)
    work = (1000 + 2**18) * 10 * 6
    assert loads(data, limits=Limits(work=work), codes=codes) == payload
    for limits in (Limits(work=work - 1), Limits(work=0)):
        assert validate(data, limits=limits, codes=codes).code == "limit-work"
        with pytest.raises(Exception, match="work"):
            dumps(payload, rule=rule, codes=codes, limits=limits)


def test_what_is_whole_comes_back() -> None:
    payload, rule, codes = _many(1000)
    labels = payload.labels.copy()
    labels[::9] = (labels[::9] + 1) % 10
    payload = Payload(payload.pool, 10, payload.positions, labels)
    data = dumps(payload, rule=rule, codes=codes)
    found = salvage(data, codes=codes)
    assert found.same and found.data == data
    listed = len(labels[::9])
    without = salvage(data)
    assert (without.images, without.lost_images) == (listed, payload.kept - listed)
    assert "codes" in without.refused[0].problem
    cut = salvage(data[:-20], codes=codes)
    assert (cut.images, cut.lost_images) == (payload.kept, 0) and not cut.same


def test_codes_in_a_file(tmp_path: Path) -> None:
    table = np.arange(-60, 60, dtype=np.int8).reshape(20, 6)
    path = tmp_path / "codes.npy"
    np.save(path, table)
    raw = path.read_bytes()
    assert raw[:8] == b"\x93NUMPY\1\0" and raw[10 + int.from_bytes(raw[8:10], "little") :] == (
        table.tobytes()
    )
    codes = Codes.load(path)
    assert np.array_equal(codes.table, table) and codes.id_of(20) == Codes(table).id_of(20)
    np.save(path, table[:0])
    assert Codes.load(path).table.shape == (0, 6)
    path.write_bytes(raw[:-1])
    (tmp_path / "long.npy").write_bytes(raw + b"\0")
    np.save(tmp_path / "float.npy", table.astype(float))
    np.save(tmp_path / "fortran.npy", np.asfortranarray(table))
    np.save(tmp_path / "object.npy", np.array([{}]), allow_pickle=True)
    np.savez(tmp_path / "many.npz", table)
    (tmp_path / "text.npy").write_text("codes")
    (tmp_path / "empty.npy").touch()
    for wrong in sorted(tmp_path.iterdir()):
        with pytest.raises(BadCodes, match=r"\.$"):
            Codes.load(wrong)


def test_both_backends_write_the_same_streams() -> None:
    compiled = backend.compiled()
    if compiled is None:
        pytest.skip("numba is not installed")
    payload, rule, codes = _many(1000)
    plain = dumps(payload, rule=rule, codes=codes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pladafmt.rules.stream.best", lambda count: compiled)
        assert dumps(payload, rule=rule, codes=codes) == plain
        assert loads(plain, codes=codes) == payload
