"""A reply that makes a task, small enough to be damaged on purpose."""

GOOD = """\
<instruction>
Count the lines of /app/words.txt and write the number to /app/count.txt.
</instruction>
<files>
<file path="/app/words.txt">
one
two
</file>
</files>
<tests>
from pathlib import Path


def test_count():
    assert Path("/app/count.txt").is_file()
    assert Path("/app/count.txt").read_text().strip() == "2"


def test_number():
    assert Path("/app/count.txt").is_file()
    assert Path("/app/count.txt").read_text().strip().isdigit()


def test_file():
    assert Path("/app/count.txt").is_file()
    assert len(Path("/app/count.txt").read_text().splitlines()) == 1
    assert len(Path("/app/count.txt").read_text()) < 9
</tests>
<weights>
test_count: 1
test_number: 1
test_file: 1
</weights>
<test_requirements>
</test_requirements>
<info>
Small.
</info>
"""
