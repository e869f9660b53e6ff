"""Debugging: a small C program that reads or writes past its buffers, found with the compiler's sanitizers."""

from random import Random
from typing import NamedTuple

from termforge.forge.damage import Damage, damaged
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file
from termforge.schemas import Step

NAMES = ("columns", "longest", "turned", "labels")
SOURCE = """\
/* Reads words (separated by white space, none longer than LONGEST) and prints, last word first, a line
   "<word reversed> <length> <words of that length>". The last line is the longest word, the first
   of equally long ones. Without words it prints "none". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 79, ROOM };

struct list {
    char **words;
    size_t count, room;
};

static char *copy_of(const char *word)
{
    size_t size = strlen(word) + 1;
    return memcpy(malloc(size), word, size);
}

static char *append(struct list *list, const char *word)
{
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 2;
        list->words = realloc(list->words, list->room * sizeof *list->words);
    }
    return list->words[list->count++] = copy_of(word);
}

static void reverse(char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length / 2; i++) {
        char held = text[i];
        text[i] = text[length - 1 - i];
        text[length - 1 - i] = held;
    }
}

int main(void)
{
    static struct list list;
    static size_t seen[ROOM];
    char word[ROOM];
    const char *best = NULL;

    while (scanf("%79s", word) == 1) {
        const char *kept = append(&list, word);
        seen[strlen(word)]++;
        if (best == NULL || strlen(kept) > strlen(best))
            best = kept;
    }
    if (best == NULL) {
        puts("none");
        return 0;
    }
    char *longest = copy_of(best);
    for (size_t i = list.count; i > 0; i--) {
        size_t length = strlen(list.words[i - 1]);
        reverse(list.words[i - 1]);
        printf("%s %zu %zu\\n", list.words[i - 1], length, seen[length]);
        free(list.words[i - 1]);
    }
    puts(longest);
    return 0;
}
"""


class Fault(NamedTuple):
    right: str
    wrong: str
    cause: str


FAULTS = (
    Fault("size = strlen(word) + 1;", "size = strlen(word);", "copy_of leaves the final zero out"),
    Fault("list->count == list->room", "list->count > list->room", "append grows the array one word too late"),
    Fault("list->room * sizeof *list->words", "list->room * sizeof(char)", "realloc counts characters, not pointers"),
    Fault("text[i] = text[length - 1 - i];", "text[i] = text[length - i];", "reverse fetches the final zero"),
    Fault("size_t seen[ROOM]", "size_t seen[LONGEST]", "seen has no place for the longest words"),
    Fault("size_t i = list.count; i > 0;", "size_t i = list.count + 1; i > 0;", "the last loop starts past the end"),
    Fault("char *longest = copy_of(best);", "const char *longest = best;", "longest points at a word that is freed"),
)


def make(random: Random, setting: Setting) -> Fragment:
    faults = random.sample(FAULTS, min(3, setting.level + 1))
    source = text_file(f"{setting.folder}/{random.choice(NAMES)}.c", SOURCE)
    damages = [Damage(source.path, *fault) for fault in faults]
    sample = _words(random, 3 + setting.level)
    return Fragment(
        title=f"Memory faults in {source.path.rpartition('/')[2]}",
        brief=_brief(setting.folder, source.path),
        files=(
            *damaged([source], damages),
            text_file(f"{setting.folder}/sample.txt", " ".join(sample) + "\n"),
            text_file(f"{setting.folder}/sample.expected", "".join(f"{line}\n" for line in _printed(sample))),
        ),
        steps=_steps(random, setting.folder, source.path, damages),
        checks=_checks(random, source.path, sample),
        outputs=(source.path,),
    )


def _words(random: Random, count: int) -> list[str]:
    """Odd and even lengths, two of one length, and one that fills the buffer."""
    lengths = [79, 4, 4, 7, *(random.randint(1, 12) for _ in range(count))]
    return [
        "".join(random.choice("bcdfghklmnprst") for _ in range(length))
        for length in random.sample(lengths, len(lengths))
    ]


def _printed(words: list[str]) -> list[str]:
    if not words:
        return ["none"]
    lengths = [len(word) for word in words]
    lines = [f"{word[::-1]} {len(word)} {lengths.count(len(word))}" for word in reversed(words)]
    return [*lines, max(words, key=len)]


def _brief(folder: str, source: str) -> str:
    return f"""\
`{source}` crashes at times and prints garbage at others. Mend it in place, so that it does what its opening comment
says for any input. `{folder}/sample.expected` is the output for `{folder}/sample.txt` on standard input. It must stay
one C file that `gcc -std=c11` compiles, end with status 0, and be clean under `-fsanitize=address,undefined` (leaks at
the end are not looked for). No word is longer than the comment allows."""


def _steps(random: Random, folder: str, source: str, damages: list[Damage]) -> tuple[Step, ...]:
    causes = "; ".join(damage.cause for damage in damages)
    build = run(f"gcc -std=c11 -Wall -g -fsanitize=address,undefined -o /tmp/checked {source}", 2.0)
    trial = "ASAN_OPTIONS=detect_leaks=0 /tmp/checked"
    edits = tuple(run(f"sed -i 's/{_escaped(damage.wrong)}/{_escaped(damage.right)}/' {source}") for damage in damages)
    return (
        Step(
            analysis=random.choice(
                (
                    "Crashes that come and go smell of memory errors; the address sanitizer names the line.",
                    "I build with the sanitizers, which stop at the first bad access, and read the source meanwhile.",
                )
            ),
            plan=random.choice(("Print the source, build, run the sample.", "Compile with checks and reproduce.")),
            commands=(
                run(f"cat -n {source}"),
                build,
                run(f"{trial} < {folder}/sample.txt 2>&1 | head -n 12", 1.0),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    f"Following every buffer from its allocation to its use: {causes}.",
                    f"The report and the code around it lead to this: {causes}.",
                )
            ),
            plan=random.choice(
                ("Edit these places, build again, compare.", "Mend with sed, rebuild with checks, diff the sample.")
            ),
            commands=(
                *edits,
                build,
                run(f"{trial} < {folder}/sample.txt | diff - {folder}/sample.expected && echo same", 1.0),
            ),
        ),
    )


def _escaped(text: str) -> str:
    for character in "\\/*[].&":
        text = text.replace(character, "\\" + character)
    return text


def _checks(random: Random, source: str, sample: list[str]) -> tuple[Check, ...]:
    cases = {"sample": (sample, 1), "few_words": (_words(random, 1), 1), "many_words": (_words(random, 20), 150)}
    return tuple(_check(name, source, *case) for name, case in cases.items())


def _check(name: str, source: str, words: list[str], times: int) -> Check:
    """Run without words, then with all words so many times over."""
    build = f"gcc -std=c11 -w -fsanitize=address,undefined -fno-sanitize-recover=all -o checked {source} || exit 99"
    printed = _printed(words * times)
    return Check(
        name,
        "from termforge_grader import run_agent\n\n"
        f"content({source!r})\n"
        f"command = {f'{build}; export ASAN_OPTIONS=detect_leaks=0; ./checked < /dev/null && ./checked'!r}\n"
        f"found = run_agent(['bash', '-c', command], stdin={' '.join(words) + ' '!r} * {times})\n"
        "assert found.returncode == 0, found.stderr[-300:]\n"
        f"lines_of_words = {literal(printed[: len(words)])}\n"
        f"assert found.stdout.splitlines() == ['none', *lines_of_words * {times}, {printed[-1]!r}]",
        2.0,
    )


SKILL = Skill(
    name="debugging/c-bounds",
    domain="debugging",
    folders=("overrun", "c-words", "sanitize", "buffers"),
    tools=("cat", "gcc", "head", "sed", "diff"),
    make=make,
    repairs=True,
)
