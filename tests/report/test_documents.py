import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from t2s.report.documents import Document, read_rows

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def test_a_dotted_name_finds_nested_and_flat_keys() -> None:
    document = Document({"a": {"b": {"c": 1}}, "d.e": 2, "f": {"g.h": 3}})
    assert [document.number(name) for name in ("a.b.c", "d.e", "f.g.h", "a.x", "a.b.c.d")] == [1, 2, 3, None, None]


def test_numbers_are_finite_and_no_booleans() -> None:
    values = [float("nan"), float("inf"), True, "1", None, 10**400]
    assert [Document({"x": value}).number("x") for value in values] == [None] * 6


def test_counts_are_two_texts_and_a_number_each() -> None:
    assert Document({"m": [["a", "b", 2]]}).counts("m") == [("a", "b", 2)]
    odd = ([["a", "b"]], [["a", "b", "2"]], [["a", 1, 2]], [["a", "b", 2], 3], None)
    assert [Document({"m": value}).counts("m") for value in odd] == [[]] * 5


@given(JSON)
def test_no_json_value_makes_any_question_fail(value: object) -> None:
    for document in (Document(value), Document({"a": value, "b": {"c": value}})):
        for name in ("a", "b.c", ""):
            document.number(name), document.text(name), document.interval(name), document.counts(name)
            document.rows(name), document.items(name), document.texts(name)


def test_files_that_are_missing_or_broken_say_so(tmp_path: Path) -> None:
    missing = Document.read(tmp_path / "a.json", "reports/a.json")
    assert missing.problem == "reports/a.json is not there yet."
    for number, content in enumerate((b"{", b"\xff\xfe", b"[" * 100_000)):
        path = tmp_path / f"{number}.json"
        path.write_bytes(content)
        assert "cannot be read" in (Document.read(path, "x").problem or "")


def test_rows_keep_finite_numbers_only(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("epoch,loss\n1,0.5\n2,\n3,nan\n4,0.25,7\n")
    assert read_rows(path) == [{"epoch": 1, "loss": 0.5}, {"epoch": 2}, {"epoch": 3}, {"epoch": 4, "loss": 0.25}]
    assert read_rows(tmp_path / "none.csv") == []
    path.write_bytes(b"\xff\xfe\x00")
    assert read_rows(path) == []


def test_a_document_answers_from_a_real_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"ci": [0.1, 0.2], "rows": [{"t": 1}, 2], "names": ["a", 1]}))
    document = Document.read(path, "a.json")
    assert document.interval("ci") == (0.1, 0.2)
    assert [row.number("t") for row in document.rows("rows")] == [1]
    assert document.texts("names") == ["a"]
