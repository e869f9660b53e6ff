import gzip
import json
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from termforge.adapt.adapt import without_duplicates
from termforge.adapt.rows import HUB_NAME
from termforge.adapt.sources import ColumnMapping, Prompt, read_prompts
from termforge.errors import InfrastructureError, InputError

MAPPING = ColumnMapping(prompt=("problem",), answer="answer", solution="solution", id="id", license="MIT")
ROWS = [
    {"id": "a", "problem": "What is 6*7?", "answer": "42", "solution": "6*7 = 42."},
    {"id": "b", "problem": "Wie groß ist π?", "answer": None, "solution": None},
    {"id": "c", "problem": "What is 2-2?", "answer": "0", "solution": ""},
]
PROMPTS = [
    Prompt("What is 6*7?", "set", "a", "42", "6*7 = 42.", "MIT"),
    Prompt("Wie groß ist π?", "set", "b", None, None, "MIT"),
    Prompt("What is 2-2?", "set", "c", "0", None, "MIT"),
]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def written(folder: Path, name: str) -> Path:
    path = folder / name
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=2)
    elif name.endswith(".gz"):
        path.write_bytes(gzip.compress(LINES))
    elif name.endswith(".zst"):
        with pa.output_stream(path, compression="zstd") as file:
            file.write(LINES)
    else:
        path.write_bytes(LINES)
    return path


def rows_in(source: str | Path, mapping: ColumnMapping, limit: int | None = None) -> int:
    return sum(1 for _ in read_prompts(source, mapping, limit=limit))


def refusal(source: str | Path, mapping: ColumnMapping = MAPPING) -> str:
    with pytest.raises(InputError) as caught:
        rows_in(source, mapping)
    return str(caught.value)


@pytest.mark.parametrize("name", ["p.jsonl", "p.ndjson", "p.jsonl.gz", "p.jsonl.zst", "p.parquet"])
def test_the_same_rows_give_the_same_prompts_in_every_format(name: str, tmp_path: Path) -> None:
    mapping = MAPPING.model_copy(update={"dataset": "set"})
    path = written(tmp_path, name)
    assert list(read_prompts(path, mapping)) == PROMPTS


def test_a_folder_is_read_in_order_of_names_and_foreign_files_are_left_alone(tmp_path: Path) -> None:
    written(tmp_path, "b.parquet")
    written(tmp_path, "a.jsonl")
    (tmp_path / "README.md").write_text("a card")
    mapping = ColumnMapping(prompt=("problem",))
    ids = [prompt.id for prompt in read_prompts(tmp_path, mapping)]
    assert ids == ["a.jsonl:1", "a.jsonl:2", "a.jsonl:3", "b.parquet:1", "b.parquet:2", "b.parquet:3"]
    assert next(read_prompts(tmp_path, mapping)).dataset == tmp_path.name


def test_a_hub_dataset_is_streamed_like_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "hub"
    folder.mkdir()
    written(folder, "train.parquet")
    mapping = MAPPING.model_copy(update={"dataset": "set"})
    assert list(read_prompts(f"hf://{folder}", mapping)) == PROMPTS
    missing = MAPPING.model_copy(update={"prompt": ("question",)})
    assert "row 1: there is no column 'question'; there are: 'id', 'problem'" in refusal(f"hf://{folder}", missing)


def answered(status: int) -> OSError:
    error = OSError(f"status {status}")
    error.response = SimpleNamespace(status_code=status)  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FileNotFoundError("no such dataset"), InputError),
        (answered(404), InputError),
        (ValueError("no such split"), InputError),
        (answered(503), InfrastructureError),
        (answered(429), InfrastructureError),
        (ConnectionError("offline"), InfrastructureError),
        (httpx.ConnectTimeout("slow"), InfrastructureError),
    ],
)
def test_an_outage_of_the_hub_is_not_taken_for_a_wrong_name(
    error: Exception, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise error

    monkeypatch.setattr("datasets.load_dataset", fail)
    with pytest.raises(kind, match=r"^hf://nobody/nothing@main: cannot be read after row 0"):
        rows_in("hf://nobody/nothing@main", MAPPING)


@pytest.mark.parametrize("name", ["nothing", "a/b@", "a/b#", ""])
def test_a_name_that_the_hub_cannot_have_is_refused(name: str) -> None:
    assert refusal(f"hf://{name}").endswith("not of the form hf://owner/name[@revision][/files][#config]")


def test_a_name_of_the_hub_may_carry_revision_files_and_configuration() -> None:
    found = HUB_NAME.fullmatch("owner/name@1a2b/math/*.jsonl#all")
    assert found is not None
    assert found.groupdict() == {
        "repository": "owner/name",
        "revision": "1a2b",
        "files": "math/*.jsonl",
        "config": "all",
    }


def test_the_first_user_message_of_a_conversation_is_the_prompt(tmp_path: Path) -> None:
    said = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]
    (tmp_path / "p.jsonl").write_text(json.dumps({"messages": said}) + "\n")
    (prompt,) = read_prompts(tmp_path / "p.jsonl", ColumnMapping(prompt=("messages",)))
    assert prompt.text == "u"
    (tmp_path / "p.jsonl").write_text(json.dumps({"messages": said[:1]}) + "\n")
    assert "list stands where text is expected" in refusal(tmp_path / "p.jsonl", ColumnMapping(prompt=("messages",)))


def test_rows_of_another_category_are_no_prompts(tmp_path: Path) -> None:
    rows = [{"problem": "a", "category": "SWE Repair"}, {"problem": "b", "category": "SWE TestGen"}]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    mapping = ColumnMapping(prompt=("problem",), where={"category": "SWE Repair"})
    assert [prompt.text for prompt in read_prompts(tmp_path / "p.jsonl", mapping)] == ["a"]
    nowhere = mapping.model_copy(update={"where": {"category": "swe repair"}})
    assert refusal(tmp_path / "p.jsonl", nowhere).endswith("there is no row where 'category' is 'swe repair'")


def test_tests_may_be_values_that_json_can_say(tmp_path: Path) -> None:
    rows = [{"problem": "a", "tests": {"input": ["1"], "output": ["2"]}}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "p.parquet")
    (prompt,) = read_prompts(tmp_path / "p.parquet", ColumnMapping(prompt=("problem",), tests="tests"))
    assert prompt.tests == '{"input": ["1"], "output": ["2"]}'


def test_several_prompt_columns_are_joined_by_a_blank_line(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"context": "A box. ", "question": "How big?"}\n')
    mapping = ColumnMapping(prompt=("context", "question"))
    assert next(read_prompts(tmp_path / "p.jsonl", mapping)).text == "A box.\n\nHow big?"


def test_limit_stops_reading_before_what_follows(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_bytes(LINES + b"{broken\n")
    assert rows_in(tmp_path / "p.jsonl", MAPPING, limit=3) == 3
    with pytest.raises(InputError, match="line 4"):
        rows_in(tmp_path / "p.jsonl", MAPPING, limit=4)
    with pytest.raises(InputError, match="limit: 0"):
        rows_in(tmp_path / "p.jsonl", MAPPING, limit=0)


def test_whole_numbers_serve_as_answers_and_ids(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"id": 7, "problem": "x", "answer": 12.0, "solution": null}\n')
    assert list(read_prompts(tmp_path / "p.jsonl", MAPPING)) == [Prompt("x", "p.jsonl", "7", "12", None, "MIT")]


def test_a_byte_order_mark_and_blank_lines_are_no_errors(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_bytes(b"\xef\xbb\xbf" + LINES + b"\n  \r\n")
    assert rows_in(tmp_path / "p.jsonl", MAPPING) == 3


GOOD = LINES.splitlines(keepends=True)[0]
MALFORMED_LINES: list[tuple[bytes, str]] = [
    (b'{"id": "x", "problem": \n', "line 2, character 25: not valid JSON"),
    (b'["x", "y"]\n', "line 2: a JSON object is expected"),
    (b"[" * 100_000 + b"\n", "line 2: not valid JSON"),
    (b"9" * 5_000 + b"\n", "line 2: not valid JSON"),
    (b'{"id": "x", "problem": "caf\xe9"}\n', "line 2, byte 28: not UTF-8"),
    (b'{"id": "x", "problem": "\\ud800", "answer": "1", "solution": ""}\n', "line 2, column 'problem': half of a"),
    (
        b'{"id": "x", "answer": "1", "solution": ""}\n',
        "line 2: there is no column 'problem'; there are: 'id', 'answer'",
    ),
    (b'{"id": "x", "problem": 5, "answer": "1", "solution": ""}\n', "line 2, column 'problem': int stands where text"),
    (b'{"id": "x", "problem": null, "answer": "1", "solution": ""}\n', "line 2, column 'problem': null stands where"),
    (b'{"id": "x", "problem": " ", "answer": "1", "solution": ""}\n', "line 2, column 'problem': the text is empty"),
    (b'{"id": "x", "problem": "p", "answer": 1.5, "solution": ""}\n', "line 2, column 'answer': float stands where"),
    (b'{"id": "x", "problem": "p", "answer": true, "solution": ""}\n', "line 2, column 'answer': bool stands where"),
    (b'{"id": "x", "problem": "p", "answer": "1", "solution": [1]}\n', "line 2, column 'solution': list stands where"),
    (b'{"id": null, "problem": "p", "answer": "1", "solution": ""}\n', "line 2, column 'id': null stands where"),
    (b'{"id": "", "problem": "p", "answer": "1", "solution": ""}\n', "line 2, column 'id': the id is empty"),
]


@pytest.mark.parametrize(("line", "place"), MALFORMED_LINES)
@pytest.mark.parametrize("name", ["p.jsonl", "p.jsonl.gz"])
def test_a_malformed_line_is_refused_with_file_line_and_column(
    line: bytes, place: str, name: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    content = GOOD + line + GOOD
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    message = refusal(path)
    assert f"{path}, {place}" in message
    if "stands where" in place:
        assert "(columns: 'id', 'problem', 'answer', 'solution')" in message


def parquet_of(problem: pa.Array) -> Callable[[Path], object]:
    size = len(problem)
    rest = {name: pa.array(["1"] * size) for name in ("id", "answer", "solution")}
    return lambda path: pq.write_table(pa.table({"problem": problem, **rest}), path)


MALFORMED_FILES: list[tuple[str, Callable[[Path], object], str]] = [
    ("p.jsonl", lambda path: path.write_bytes(b""), "holds no rows"),
    ("p.jsonl", lambda path: path.write_bytes(b"\n\n"), "holds no rows"),
    ("p.jsonl.gz", lambda path: path.write_bytes(b""), "holds no rows"),
    ("p.jsonl.gz", lambda path: path.write_bytes(LINES), "cannot be read after line 0"),
    ("p.jsonl.gz", lambda path: path.write_bytes(gzip.compress(LINES)[:-10]), "cannot be read after line"),
    ("p.jsonl.zst", lambda path: path.write_bytes(LINES), "cannot be read after line 0"),
    ("p.parquet", lambda path: path.write_bytes(LINES), "not readable as Parquet"),
    ("p.parquet", lambda path: path.write_bytes(b""), "not readable as Parquet"),
    ("p.parquet", lambda path: pq.write_table(pa.Table.from_pylist(ROWS[:0], schema=_text_schema()), path), "no rows"),
    ("p.parquet", lambda path: pq.write_table(pa.table({"q": ["x"]}), path), "no column 'problem'; there are: 'q'"),
    ("p.parquet", parquet_of(pa.array([3])), "row 1, column 'problem': int stands where text is expected"),
    ("p.parquet", parquet_of(pa.array(["x", None])), "row 2, column 'problem': null stands where text"),
    ("p.parquet", parquet_of(pa.array([["x"]])), "row 1, column 'problem': list stands where text"),
    ("p.csv", lambda path: path.write_text("problem\nx\n"), "unknown extension; prompts are read from .jsonl, "),
    ("p.jsonl", lambda path: None, "there is no such file"),
]


def _text_schema() -> pa.Schema:
    return pa.schema({name: pa.string() for name in ROWS[0]})


@pytest.mark.parametrize(("name", "write", "complaint"), MALFORMED_FILES)
def test_a_malformed_file_is_refused_by_name(
    name: str, write: Callable[[Path], object], complaint: str, tmp_path: Path
) -> None:
    write(tmp_path / name)
    message = refusal(tmp_path / name)
    assert message.startswith(str(tmp_path / name))
    assert complaint in message


def test_parquet_text_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    broken = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")])
    parquet_of(broken)(tmp_path / "p.parquet")
    assert "not UTF-8" in refusal(tmp_path / "p.parquet")


def test_a_parquet_file_with_a_damaged_page_is_refused_with_the_row(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    rows = [{"problem": f"{n} {'word ' * 50}"} for n in range(5_000)]
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=1_000, use_dictionary=False, compression="zstd")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 300] = b"\xff" * 300
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"after row [0-9]+: not readable as Parquet"):
        rows_in(path, ColumnMapping(prompt=("problem",)))


def test_a_folder_without_prompts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    assert "holds no file that ends in .jsonl" in refusal(tmp_path)


def test_one_bad_file_in_a_folder_is_named(tmp_path: Path) -> None:
    written(tmp_path, "a.jsonl")
    (tmp_path / "b.jsonl").write_bytes(GOOD + b"{")
    assert f"{tmp_path / 'b.jsonl'}, line 2" in refusal(tmp_path)


def test_exact_duplicates_are_dropped_and_counted() -> None:
    counts: Counter[str] = Counter()
    prompts = [Prompt(text, "set", str(n)) for n, text in enumerate(["a", "b", "a", "A", "a"])]
    assert [prompt.id for prompt in without_duplicates(prompts, counts)] == ["0", "1", "3"]
    assert counts == {"duplicate prompts": 2}


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    line = json.dumps({"problem": "x" * 1_000}) + "\n"
    (tmp_path / "p.jsonl").write_text(line * 30_000)
    tracemalloc.start()
    assert rows_in(tmp_path / "p.jsonl", ColumnMapping(prompt=("problem",))) == 30_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000 < (tmp_path / "p.jsonl").stat().st_size


def test_long_texts_of_parquet_are_decoded_a_few_at_a_time(tmp_path: Path) -> None:
    rows = [{"problem": str(number) * 50_000} for number in range(100, 400)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "p.parquet")
    tracemalloc.start()
    assert rows_in(tmp_path / "p.parquet", ColumnMapping(prompt=("problem",))) == 300
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 15_000_000 < 300 * 150_000


def test_the_real_math_prompts_are_read_whole(shared: Path | None) -> None:
    if shared is None:
        pytest.skip("the real prompts do not lie beside this checkout")
    mapping = ColumnMapping(prompt=("problem",), answer="expected_answer", solution="solution", id="id")
    assert rows_in(shared / "data" / "math_gsm8k_train.jsonl.gz", mapping) == 7_473
