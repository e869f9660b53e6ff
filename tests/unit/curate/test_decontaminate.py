import gzip
import json
from pathlib import Path

import pytest

from termforge.adapt.kind import task_of
from termforge.adapt.math import KIND, SAMPLE_COLUMNS
from termforge.adapt.sources import read_prompts
from termforge.curate import decontaminate
from termforge.curate.decontaminate import Index, build, grams, load, main, overlap, terminal_bench_2, words
from termforge.errors import InputError
from termforge.forge import forge_task
from termforge.schemas import DOMAINS, Command, File, ImageRecipe, Provenance, Step, TerminalTask

SAMPLE_FILE = Path(__file__).parents[3] / "prompts" / "adapt" / "sample_math.jsonl"
SENTENCE = "Count the lines of every log file below /srv/logs, sort them and write totals to report.csv please"
HASH_OF_FIX_THE_BROKEN_BUILD = 16165078916267681289
BENCHMARK = " ".join(f"bench{n}" for n in range(15))


def index_of(*texts: str) -> Index:
    return load(build(texts, "test"), "test")


def terminal_task(
    instruction: str = "Do it.", files: tuple[File, ...] = (), solution: tuple[Step, ...] | None = None
) -> TerminalTask:
    return TerminalTask(
        image=ImageRecipe(name="host", recipe=""),
        instruction=instruction,
        files=files,
        solution=solution,
        provenance=Provenance(source="forge", generator="test@1"),
    )


def shared_words(count: int) -> str:
    """A text of 40 words of which `count` consecutive ones are the benchmark's."""
    middle = " ".join(BENCHMARK.split()[:count])
    return " ".join(f"before{n}" for n in range(13)) + f" {middle} " + " ".join(f"after{n}" for n in range(13))


@pytest.mark.parametrize(("count", "found"), [(13, 0), (14, 1), (15, 2)])
def test_fourteen_shared_words_are_an_overlap_and_thirteen_are_not(count: int, found: int) -> None:
    hit = overlap(terminal_task(shared_words(count)), index_of(BENCHMARK))
    assert (hit.grams if hit else 0) == found
    assert hit is None or (hit.field, hit.first_word) == ("instruction", 13)


def test_words_are_runs_of_letters_and_digits_in_small_letters() -> None:
    assert words("Run `make_all -j8`, don't STOP: größe=3.5\n") == [
        *("run", "make", "all", "j8", "don", "t", "stop", "größe", "3", "5"),
    ]


def test_case_punctuation_and_line_breaks_hide_nothing() -> None:
    disguised = SENTENCE.upper().replace(" ", ",\n  ")
    assert overlap(terminal_task(f"First: {disguised}!"), index_of(SENTENCE))


def test_files_and_solutions_are_looked_at_too() -> None:
    index = index_of(SENTENCE)
    step = Step(analysis="x", plan=SENTENCE, commands=(Command(keystrokes="ls\n"),))
    in_file = overlap(terminal_task(files=(File(path="/app/notes.md", content=SENTENCE.encode()),)), index)
    in_solution = overlap(terminal_task(solution=(step,)), index)
    assert in_file is not None
    assert in_file.field == "/app/notes.md"
    assert in_solution is not None
    assert in_solution.field == "solution step 1"


def test_binary_files_are_no_text() -> None:
    files = (File(path="/app/data.bin", content=b"\0" + SENTENCE.encode()),)
    assert overlap(terminal_task(files=files), index_of(SENTENCE)) is None


def test_a_short_benchmark_text_is_found_only_where_a_field_holds_nothing_else() -> None:
    index = index_of("Fix the broken build.")
    assert index.header.short_texts == 1
    assert overlap(terminal_task("fix the BROKEN build"), index)
    assert overlap(terminal_task("Please fix the broken build."), index) is None


def test_text_without_words_has_no_grams() -> None:
    assert list(grams(" --- \n")) == []


def test_hashes_are_the_same_on_every_machine() -> None:
    assert list(grams("Fix the broken build.")) == [HASH_OF_FIX_THE_BROKEN_BUILD]


def test_an_index_is_the_same_whatever_the_order_of_its_texts() -> None:
    assert build([SENTENCE, BENCHMARK], "b") == build([BENCHMARK, SENTENCE, BENCHMARK], "b").replace(
        b'"texts":3', b'"texts":2'
    )


def test_an_index_that_was_made_otherwise_or_is_damaged_is_refused() -> None:
    content = build([SENTENCE], "b")
    with pytest.raises(InputError, match="made for words-1 and n=13"):
        load(content.replace(b'"n":14', b'"n":13'), "x")
    with pytest.raises(InputError, match="hashes of 8 bytes are announced"):
        load(content[:-1], "x")


def test_the_command_builds_an_index_from_a_file_of_instructions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "instructions.jsonl.gz"
    source.write_bytes(gzip.compress(json.dumps({"instruction": SENTENCE}).encode()))
    main(["build", str(source), str(tmp_path / "index.grams")])
    index = load((tmp_path / "index.grams").read_bytes(), "index")
    assert overlap(terminal_task(SENTENCE), index)
    assert '"texts": 1' in capsys.readouterr().out


def test_the_command_refuses_a_file_without_instructions(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"text": "y"}\n')
    with pytest.raises(InputError, match="no column 'instruction'"):
        main(["build", str(tmp_path / "x.jsonl"), str(tmp_path / "index.grams")])
    assert not (tmp_path / "index.grams").exists()


def test_the_shipped_index_holds_hashes_and_no_text() -> None:
    header = terminal_bench_2().header
    assert (header.benchmark, header.n, header.texts, header.grams) == ("Terminal-Bench 2.0", 14, 89, 13_115)
    content = Path(decontaminate.__file__).with_name(decontaminate.SHIPPED).read_bytes()
    assert len(content.split(b"\n", 1)[1]) == 8 * header.grams


def test_the_shipped_index_is_what_the_command_makes_of_the_benchmark(shared: Path | None, tmp_path: Path) -> None:
    if shared is None:
        pytest.skip("the benchmark's instructions do not lie beside this checkout")
    source = shared / "data" / "tb2_instructions.jsonl.gz"
    main(["build", str(source), str(tmp_path / "index.grams")])
    shipped = Path(decontaminate.__file__).with_name(decontaminate.SHIPPED)
    assert (tmp_path / "index.grams").read_bytes() == shipped.read_bytes()
    for line in gzip.decompress(source.read_bytes()).splitlines():
        assert overlap(terminal_task(json.loads(line)["instruction"]), terminal_bench_2())


def test_forged_and_sample_tasks_share_nothing_with_the_benchmark() -> None:
    image = ImageRecipe(name="host", recipe="")
    forged = [
        forge_task(number, seed="overlap", domain=domain, image=image) for domain in DOMAINS for number in range(5)
    ]
    prompts = list(read_prompts(SAMPLE_FILE, SAMPLE_COLUMNS))
    adapted = [task_of(KIND, prompt, image) for prompt in prompts]
    assert [task.instruction for task in forged + adapted if overlap(task, terminal_bench_2())] == []
