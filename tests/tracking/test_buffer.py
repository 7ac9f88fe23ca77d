"""The local record of a run: nothing recorded is lost, torn lines hurt no other."""

import json
from pathlib import Path

import pytest

from t2s.tracking.buffer import Acknowledged, Buffer


@pytest.fixture
def buffer(tmp_path: Path) -> Buffer:
    return Buffer(tmp_path / "tracking.jsonl")


def metrics(step: int, **values: float) -> dict[str, object]:
    return {"kind": "metrics", "time_ms": 0, "step": step, "values": values}


def test_records_come_back_in_order_with_their_ends(buffer: Buffer) -> None:
    assert list(buffer.records()) == []
    for step in range(3):
        buffer.append(metrics(step, loss=float(step)))
    records = list(buffer.records())
    assert [record["step"] for record, _ in records] == [0, 1, 2]
    assert records[-1][1] == buffer.path.stat().st_size
    assert [record["step"] for record, _ in buffer.records(records[0][1])] == [1, 2]


def test_numbers_that_are_not_finite_survive(buffer: Buffer) -> None:
    buffer.append(metrics(0, a=float("inf"), b=float("nan")))
    ((record, _),) = buffer.records()
    assert str(record["values"]) == "{'a': inf, 'b': nan}"


TORN = [
    b'{"kind": "metr',
    b"\0\0\0\0",
    b'{"kind": "metrics"}\xff\xfe',
    b"[1]",
    b'{"kine": "run"}',
    b'{"kind": "metrics"}',
]
DAMAGED = [
    '{"kine": "metrics", "time_ms": 0, "step": 1, "values": {}}',
    '{"kind": "metrics", "time_ms": 0, "step": "x", "values": {}}',
    '{"kind": "run"}',
    "[]",
    "7",
    "[" * 100_000,
]


@pytest.mark.parametrize("torn", TORN)
def test_a_torn_line_hurts_no_other(buffer: Buffer, torn: bytes) -> None:
    buffer.append(metrics(0, loss=1.0))
    with buffer.path.open("ab") as file:
        file.write(torn)
    assert len(list(buffer.records())) == 1
    buffer.complete_torn_line()
    buffer.append(metrics(1, loss=1.0))
    assert [record["step"] for record, _ in buffer.records()] == [0, 1]


def test_the_last_step_is_known_per_metric(buffer: Buffer) -> None:
    for record in (metrics(3, loss=1.0, grad=2.0), metrics(5, loss=1.0), metrics(4, loss=1.0)):
        buffer.append(record)
    assert buffer.last_steps() == {"loss": 5, "grad": 3}


def test_acknowledged_records_are_no_longer_pending(buffer: Buffer) -> None:
    assert buffer.acknowledged() == Acknowledged()
    assert not buffer.pending()
    buffer.append(metrics(0, loss=1.0))
    assert buffer.pending()
    state = Acknowledged("uri", "run", buffer.path.stat().st_size)
    buffer.acknowledge(state)
    assert buffer.acknowledged() == state
    assert not buffer.pending()
    assert json.loads(buffer.path.with_suffix(".ack.json").read_text())["run_id"] == "run"


@pytest.mark.parametrize("line", DAMAGED)
def test_a_damaged_line_hurts_no_other(buffer: Buffer, line: str) -> None:
    buffer.append(metrics(0, loss=1.0))
    with buffer.path.open("a") as file:
        file.write(line + "\n")
    buffer.append(metrics(2, loss=1.0))
    assert [record["step"] for record, _ in buffer.records()] == [0, 2]
    assert buffer.last_steps() == {"loss": 2}
    assert not buffer.has_header()


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"offset": "far"}', '{"other": 1}', '{"run_id": 3}'])
def test_a_damaged_acknowledgement_counts_as_none(buffer: Buffer, content: str) -> None:
    buffer.append(metrics(0, loss=1.0))
    buffer.acknowledge(Acknowledged("uri", "run", buffer.path.stat().st_size))
    buffer.path.with_suffix(".ack.json").write_text(content)
    assert buffer.acknowledged() == Acknowledged()
    assert buffer.pending()
