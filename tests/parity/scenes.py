"""What models do to a terminal, and what breaks terminals: each scene is a random row of commands.

A scene starts at a shell prompt and returns to one. Programs print the same everywhere but for process ids and the
clock, and nothing is typed ahead of a program that is still starting.
"""

import base64

from hypothesis import strategies as st

from tests.parity.recordings import Command

QUICK_S, START_S, SLOW_S = 0.2, 0.8, 2.0
"""For what a prompt answers at once; for a program to start; for long output. Only screens at rest count."""
ESCAPE_S = 1.3
"""An editor gives the rest of a key that begins with Escape a second to arrive."""

Commands = list[Command]


def typed(*keystrokes: str, wait_s: float = QUICK_S) -> Commands:
    return [Command(entry, ESCAPE_S if entry == "Escape" else wait_s) for entry in keystrokes]


def some(*keystrokes: str, least: int = 1, most: int = 3, wait_s: float = QUICK_S) -> st.SearchStrategy[Commands]:
    """A few of these, in any order."""
    return st.lists(st.sampled_from(keystrokes), min_size=least, max_size=most).map(
        lambda chosen: typed(*chosen, wait_s=wait_s)
    )


def one(*keystrokes: str, wait_s: float = QUICK_S) -> st.SearchStrategy[Commands]:
    return some(*keystrokes, most=1, wait_s=wait_s)


def keys(*names: str, least: int = 1, most: int = 1) -> st.SearchStrategy[Commands]:
    """Key names, which count in any case."""
    cases = st.sampled_from(names).flatmap(
        lambda name: st.sampled_from([name, name.lower(), name.upper(), name.swapcase()])
    )
    return st.lists(cases, min_size=least, max_size=most).map(lambda chosen: typed(*chosen))


def scene(*parts: Commands | st.SearchStrategy[Commands]) -> st.SearchStrategy[Commands]:
    """The parts one after the other."""
    strategies = [part if isinstance(part, st.SearchStrategy) else st.just(part) for part in parts]
    return st.tuples(*strategies).map(lambda chosen: [command for part in chosen for command in part])


WORDS = (
    "one", "two words", "  indented", "tab\tinside", "semi; colon", "back\\slash", "per%cent", "#{pane_id}", "dollar$",
    "~tilde", "{brace}", "äöü", "日本語", "한국어 텍스트", "e\u0301 a\u0308 combining", "🚀", "👩‍👩‍👧‍👦 family",
    "🇪🇺 flag", "❤️ selector", "zero\u200bwidth", "שלום", "नमस्ते", "𝔘𝔫𝔦", "ﬁ ligature", "\u2500\u2502\u256d box", "¼ ±",
    "full ＷＩＤＴＨ", "soft\u00adhyphen", "\u3000ideographic", "☂ ☎ ✂",
)  # fmt: skip
WORD = st.sampled_from(WORDS)
FILE = "seq -f 'line %g of a file, 日本' 300 > lines.txt\n"

SHELL = some(
    "pwd\n", "ls\n", "ls -a | cat -A\n", "echo hello world\n", "echo \"quoted 'text'\" 'and \"more\"'\n",
    "cd /usr/share && pwd\n", "cd -\n", "cd /app\n", "false\n", "nosuchcommand --flag\n", "cat nosuchfile\n", "-la\n",
    "--help\n", "- \n", ";\n", "echo a; echo b;\n", "echo $((6 * 7)) ${HOME} $TERM $?\n",
    "for i in 1 2 3; do echo $i; done\n", "printf 'no newline'\n", "printf '%s\\n' {a..e}{1..4} | column -c 80\n",
    "mkdir -p a/b/c && touch a/b/c/d && find a | sort\n", "tree a\n", "rm -rf a\n",
    "echo text > f.txt; cat f.txt; wc f.txt\n", "ls -l f.txt; stat -c '%s %a' f.txt\n", "date +%T\n",
    "grep -c root /etc/passwd\n", "head -3 /etc/passwd\n", "file /bin/ls | cut -c1-30\n", "umask; id -u; tty\n",
    "stty -a\n", "stty size; tput cols; tput lines\n", "!!\n", "history | tail -3\n", "type ls cd if\n", "alias\n",
    "set -o | head -20\n", "test -t 1 && echo terminal\n", "echo 'a\tb\tc' | expand\n", "ps -o comm,tty\n", "ps\n",
    "echo pid=$$\n", "sleep 0.1\n", "\n", "\n\n\n", "   \n", "# comment\n", "echo one \\\ntwo\n", "echo '\n'\n",
    "jq -n '{a: [1, 2, {b: null}]}'\n", "echo text | xxd\n", "git init -q r 2>/dev/null; git -C r status\n",
    "diff <(seq 5) <(seq 2 6)\n", "seq 10 | paste -sd+ | bc\n", "ls --color=always -d /tmp /bin\n",
    "for i in 1 2 3; do printf '\\r%d of 3' $i; sleep 0.05; done; echo\n", "ls -l f.txt | cut -c1-10\n",
    most=5,
)  # fmt: skip
PYTHON = scene(
    typed("python3 -q\n", wait_s=START_S),
    some(
        "1 + 1\n", "print('\\n'.join(map(str, range(60))))\n", "def f(x):\n    return x * 2\n\nf(21)\n", "1 / 0\n",
        "'日本' * 30\n", "import sys; sys.stdout.write('partial')\n", "for i in range(3):\n", "    print(i)\n\n",
        "x = [\n", "]\n", "print('\\x1b[31mred\\x1b[0m \\x1b[2K after')\n", "C-c", "help\n", "input('name? ')\n", "C-l",
        "Up", "(lambda: nosuch)()\n", "print('a' * 400)\n", "_\n", "bytes(range(256))\n", "C-a", "\t", "BSpace",
        most=5,
    ),
    typed("C-c"),
    one("exit()\n", "C-d", "c-D", "quit()\n"),
    typed("\n"),
)  # fmt: skip
SQLITE = scene(
    typed("sqlite3\n", wait_s=START_S),
    some(
        "create table t(a, b);\n", "insert into t values(1, 'é'), (2, '日本');\n", "select * from t;\n", ".mode box\n",
        "select 1 as one, 'two' as two;\n", "select\n", ".tables\n", ";\n", "selec;\n", ".headers on\n",
        "with recursive c(x) as (select 1 union all select x + 1 from c limit 50) select x from c;\n", most=5,
    ),
    typed(";\n", ".quit\n"),
)  # fmt: skip
BC = scene(
    typed("bc -ql\n", wait_s=START_S),
    some("2^200\n", "scale=50; 4*a(1)\n", "1/0\n", "define f(x) {\n", "return x*x }\n", "7*6\n", "(\n", most=4),
    typed("C-c", "quit\n", "\n", "C-c"),
)
LESS = scene(
    typed(FILE),
    one("less lines.txt\n", "less -N lines.txt\n", "seq 500 | less\n", "less +F -X lines.txt\n",
        "seq 200 | more\n", "TERM=dumb less lines.txt\n", "TERM=vt100 less lines.txt\n", wait_s=START_S),
    typed("C-c"),
    some(
        " ", "G", "g", "j", "k", "b", "d", "u", "50%", "/line 77\n", "n", "N", "?line 3\n", "Down", "PPage", "npage",
        "END", "Home", "-S\n", "=", "h", "120g", "Enter", "C-f", "&9\n", "zzz", "Right", "Left", most=6,
    ),
    one("q", "Q"),
    typed("q", "C-u"),
)  # fmt: skip
VIM = scene(
    one("vim notes.txt\n", "vi new\n", "vim -n lines.txt\n", "vim +3 /etc/passwd\n", "TERM=vt100 vim x\n",
        wait_s=START_S),
    some(
        "ihello", "o", "Escape", "A more text", "yyp", "5p", "dd", "u", "G", "gg", "/e\n", "n", ":set number\n", "x",
        "J", "i日本 🚀 é", ":%s/e/E/g\n", "C-f", "C-b", "Down", "Home", "i\tindented\nnext line\n", "0x41",
        ":!echo from shell\n", "Enter", "v", "$", "~", ":nosuch\n", ":help\n", "C-v", "i{", most=7,
    ),
    typed("Escape", "Escape"),
    one(":q!\n", ":qa!\n", ":wq! saved.txt\n"),
    typed("C-c", ":qa!\n", "C-u"),
)  # fmt: skip
NANO = scene(
    one("nano notes.txt\n", "nano -l lines.txt\n", "nano\n", wait_s=START_S),
    some(
        "hello nano", "Enter", "日本 text", "C-k", "C-u", "C-a", "C-e", "Down", "Up", "M-u", "C-w", "line 4\n",
        "BSpace", "DC", "C-y", "C-v", "\ttabbed", "two\nlines\n", "C-g", "M-g", "M-#", "C-c", "Tab", most=6,
    ),
    typed("C-c", "C-x", "n", "q", "C-x", "n", "C-c"),
)  # fmt: skip
TEXT = st.one_of(
    WORD.map(lambda word: typed(f"echo '{word}'\n")),
    st.tuples(WORD, st.integers(2, 90)).map(
        lambda drawn: typed(f"python3 -c \"print('''{drawn[0]}''' * {drawn[1]})\"\n", wait_s=START_S)
    ),
    scene(
        typed("cat\n"),
        st.lists(WORD, min_size=1, max_size=3).map(lambda words: typed(*[f"{word}\n" for word in words])),
        one("C-d", "C-c", "c-d"),
    ),
    scene(
        typed("cat -A\n"),
        st.lists(WORD, min_size=2, max_size=4).map(lambda words: typed("".join(words) + "\n")),
        typed("C-d"),
    ),
    st.lists(WORD, min_size=1, max_size=12).map(lambda words: typed("echo " + " ".join(words).replace("'", ""), "C-u")),
    st.tuples(st.integers(120, 170), WORD).map(lambda drawn: typed(f"printf '%{drawn[0]}s{drawn[1]}\\n' x\n")),
)
SEQUENCES = (
    "\\e[H", "\\e[5;10H", "\\e[2J", "\\e[J", "\\e[1J", "\\e[3J", "\\e[K", "\\e[1K", "\\e[2K", "\\e[A", "\\e[3B",
    "\\e[200C", "\\e[D", "\\e[10G", "\\e[7d", "\\e[L", "\\e[2M", "\\e[3P", "\\e[4@", "\\e[5X", "\\e[3b", "\\e[2S",
    "\\e[2T", "\\e[5;20r", "\\e[r", "\\e7", "\\e8", "\\eM", "\\eD", "\\eE", "\\ec", "\\e#8", "\\e[?7l", "\\e[?7h",
    "\\e[?6h", "\\e[?6l", "\\e[4h", "\\e[4l", "\\e[?1049h", "\\e[?1049l", "\\e[?47h", "\\e[?47l", "\\e(0lqqqk\\e(B",
    "\\x0e", "\\x0f", "\\eH", "\\e[3g", "\\e[1;31;44m", "\\e[0m", "\\e[38;2;1;2;3m", "\\e[?25l", "\\e]2;title\\a",
    "\\e]8;;http://x\\a", "\\e]52;c;aGk=\\a", "\\ePtmux;\\e\\e[H\\e\\\\", "\\e[?2004h", "\\e[?1000h", "\\e[?1h", "\\e=",
    "\\a", "\\b\\b", "\\t", "\\r", "\\v", "\\f", "\\n", "\\0", "\\x7f", "\\xff\\xfe", "\\xe6\\x97", "\\xc3", "\\x9b",
    "\\xf0\\x9f", "\\e", "\\e[", "\\e[999999999999d", "\\e[;;;H", "\\e[?9999h", "\\e^pm\\e\\\\", "\\e_apc\\e\\\\",
    "\\ekname\\e\\\\",
)  # fmt: skip
PRINTED = st.lists(
    st.one_of(st.sampled_from(SEQUENCES), WORD.map(lambda word: word.replace("\\", "").replace("%", ""))),
    min_size=2,
    max_size=14,
).map("".join)
ESCAPES = st.lists(PRINTED, min_size=1, max_size=3).map(
    lambda texts: typed(*[f"printf '{text}'\n" for text in texts], "\n")
)
RESET = st.one_of(
    one("clear\n", "tput clear\n", "C-l", "printf '\\ec'\n", "tput reset\n", "printf '\\e[3J'\n",
        "printf '\\033c\\033[3J'\n"),
    one("reset\n", wait_s=SLOW_S),
    scene(typed("tput smcup; seq 100\n"), some("echo alternate\n", "clear\n", "ls\n"), typed("tput rmcup\n")),
    scene(
        typed("seq 30\n"),
        one("tput cup 5 10; echo here\n", "tput csr 5 20\n", "tput civis; tput sc; tput home\n"),
        some("seq 30\n", "echo x\n", "\n"),
        one("reset\n", "stty sane; tput cnorm\n", wait_s=SLOW_S),
    ),
)  # fmt: skip
MANY_LINES = st.one_of(
    st.integers(30, 5_000).map(lambda n: typed(f"seq {n}\n", wait_s=SLOW_S)),
    some("seq 5000\n", "seq 3000\n", "yes 'the same line' | head -5000\n", "seq 2039 | cat -n\n", wait_s=SLOW_S),
    st.integers(100, 1_200).map(
        lambda n: typed(f"for i in $(seq {n}); do printf 'row %d 日本\\n' $i; done\n", wait_s=SLOW_S)
    ),
)
LONG_LINES = st.one_of(
    st.integers(1, 30).map(lambda n: typed(f"seq -s ' ' {n}00\n", wait_s=START_S)),
    st.integers(40, 3_000).map(lambda n: typed(f"printf '%0{n}d\\n' 7\n")),
    st.integers(10_000, 90_000).map(lambda n: typed(f"printf '%0{n}d\\n' 7\n", wait_s=SLOW_S)),
    st.integers(150, 700).map(lambda n: typed(f"echo {'long words ' * (n // 11)}\n")),
    st.integers(170, 400).map(lambda n: typed("x" * n, "Home", "echo ", "C-e", "END", "\n")),
    st.tuples(st.integers(4_080, 4_100), WORD).map(lambda drawn: typed(f"echo {'é' * drawn[0]}'{drawn[1]}'\n")),
)
KEYS = scene(
    typed("echo first second third"),
    keys("C-a", "C-e", "C-w", "C-k", "C-y", "C-b", "C-f", "C-t", "C-h", "^A", "^U", "M-b", "M-f", "M-u", "M-d", "Left",
         "Right", "Home", "End", "BSpace", "DC", "Up", "Down", "Tab", "Space", "C-Left", "S-Up", "F1", "F12", "PPage",
         "IC", "BTab", "C-Space", "KP0", "C-]", "M-.", "C-_", most=5),
    one(" tail", "0x41", "C-", "M-", "C-c C-c", "C-c\n", "Enterr", "x", "F99", "0xZZ", "C-é", "é", "-", "--", "\\", "$",
        "\"", "~", "x\x01echo \x05 end", "\x15echo new", "echo a\recho b\r", "\x1b[D\x1b[Dmid\x7f"),
    keys("Enter", "C-c", "C-m", "C-j", "KPEnter", "^C", "^M"),
    typed("C-c"),
)  # fmt: skip
KEY_BYTES = scene(
    typed("cat -v\n"),
    keys("Up", "C-Up", "S-F3", "M-F5", "C-M-x", "C-S-Left", "F1", "F12", "KP5", "IC", "DC", "PPage", "M-é", "0x1b",
         "Escape", "BTab", "C-v", "C-r", "C-o", "BSpace", "C-w", "^[", "M-Enter", "C-Enter", "KPEnter", "\x01",
         "\x1b[A", "\r", "\x08", "é", "日", "FocusIn", "MouseDown1Pane", "None", "User3", least=2, most=6),
    typed("\n", "C-c"),
)  # fmt: skip
SEARCH = scene(
    some("echo alpha\n", "echo beta\n", least=2),
    typed("C-r"),
    some("al", "be", "zz", "C-r"),
    one("C-c", "C-g", "Enter"),
    typed("C-c"),
)
COMPLETION = scene(
    typed("touch alpha.txt album.md\n"),
    one("cat al", "ls /usr/sha", "cat alp", "xx", "cd /us"),
    some("\t", "Tab", "tab", "\t\t"),
    typed("C-c"),
)
BACKGROUND = scene(
    one("(sleep 0.4; echo late) &\n", "sleep 60 &\n", "(sleep 0.3; seq 50) &\n",
        "{ sleep 0.5; clear; } &\n", wait_s=SLOW_S),
    some("jobs\n", "\n", "echo meanwhile\n", "jobs -l\n", "", "bg\n", "disown %2\n"),
    one("kill %1; sleep 0.3; wait\n", "fg\n", "wait %3\n"),
    typed("C-c", "\n"),
)  # fmt: skip
STOPPED = scene(
    one("cat\n", "sleep 60\n"),
    typed("C-z"),
    some("jobs\n", "fg\n", "C-z", "jobs -l\n", ""),
    typed("C-c", "fg\n", "C-c", "\n"),
)
WAITING = st.one_of(
    scene(typed("sleep 60\n"), some("", "typed ahead\n", "x"), typed("C-c", "C-c")),
    scene(
        typed("read -p 'name: ' name\n"),
        some("somebody", "", "日本", "BSpace", least=0),
        typed("Enter", 'echo "[$name]"\n', "C-c"),
    ),
    some("", "", "\n", least=2),
    scene(typed("C-s"), typed("echo while stopped\n"), typed("C-q")),
    scene(typed("bash --norc\n"), SHELL, typed("C-c"), one("exit\n", "C-d")),
    scene(typed("sh\n"), some("echo $0\n", "pwd\n", "nosuch\n"), typed("exit\n")),
    scene(typed("stty -echo\n"), some("echo invisible\n", "pwd\n"), typed("stty echo\n")),
    scene(typed("select x in a b c; do echo $x; done\n"), some("1\n", "9\n", "\n", "word"), typed("C-c")),
    scene(typed("stty cols 60\n"), SHELL, some("echo " + "word " * 30, "C-a", "x"), typed("C-c", "stty cols 160\n")),
    scene(
        typed("set -o vi\n"),
        SHELL,
        some("Escape", "k", "0", "iecho ", "$", "x", "p"),
        typed("C-c", "C-c", "set -o emacs\n"),
    ),
    scene(typed("exec bash\n"), SHELL),
    scene(typed("PS1='long prompt: \\w \\$ '\n"), SHELL),
    scene(typed("PS1='\\[\\e[32m\\]> \\[\\e[0m\\]\\n'\n"), SHELL),
    scene(typed("trap 'echo caught' INT\n"), some("C-c", "\n"), typed("trap - INT\n")),
)
CONTINUATION = scene(
    one(
        "echo 'open\n",
        "for i in 1 2 3\n",
        "if true; then\n",
        "cat <<EOF\n",
        "echo \\\n",
        "f() {\n",
        "echo $(\n",
        "((\n",
    ),
    some("do\n", "echo inside\n", "日本\n", "EOF\n", "done\n", "fi\n", "'\n", "}\n", ")\n", "\n", most=4),
    typed("C-c", "C-c"),
)
ASKED = "stty -echo -icanon; printf '\\e{}'; IFS= read -rt 0.5 -N 99 answer; stty sane; printf '%q\\n' \"$answer\"\n"
"""A question to the terminal, and its answer read without an echo that would come at random."""
QUERY = st.sampled_from(
    ["[c", "[>c", "[>q", "[5n", "[6n", "[18t", "[14t", "[?6n", "]10;?\\e\\\\", "]11;?\\a", "P+q544e\\e\\\\"]
).map(lambda query: typed(ASKED.format(query), wait_s=SLOW_S))
SHORT_HEREDOC = st.lists(WORD, min_size=1, max_size=5).map(
    lambda words: typed("cat > here.txt <<'EOF'\n" + "".join(word + "\n" for word in words) + "EOF\n", "cat here.txt\n")
)


def long_heredoc(lines: int) -> Commands:
    """Cleared: while it is typed the kernel echoes at random what comes between two lines of the shell's editor."""
    body = "".join(f"{number:06d} \\ \" ' $HOME ; é\n" for number in range(lines))
    return typed(f"cat > long.txt <<'EOF'\n{body}EOF\nclear; wc long.txt; md5sum long.txt\n", wait_s=2 + lines / 300)


LONG_HEREDOC = st.sampled_from([100, 170, 190, 600, 700, 4_400, 4_500]).map(long_heredoc)
"""Beside the lengths at which tmux commands are cut: 4,096 characters with us, 15,968 bytes with Terminus 2."""


def garbage(data: bytes) -> Commands:
    """Escape is left out: a terminal's answers would be echoed at random."""
    encoded = base64.b64encode(data.replace(b"\x1b", b"")).decode()
    return typed(f"echo {encoded} | base64 -d\n", "\n")


BINARY = scene(
    st.one_of(st.binary(min_size=8, max_size=60).map(garbage), one("head -c 700 /bin/ls | tr -d '\\033'\n")),
    one("reset\n", "printf '\\017'\n", wait_s=SLOW_S),
)
SCENES = st.sampled_from([
    SHELL, PYTHON, SQLITE, BC, LESS, VIM, NANO, TEXT, ESCAPES, RESET, MANY_LINES, LONG_LINES, KEYS, KEY_BYTES, SEARCH,
    COMPLETION, BACKGROUND, STOPPED, WAITING, CONTINUATION, QUERY, SHORT_HEREDOC, LONG_HEREDOC, BINARY,
]).flatmap(lambda chosen: chosen)  # fmt: skip
DEPARTURES = st.one_of(
    one("ls;", "echo a;", ";", "find . -exec echo {} \\;"),
    one("env | sort\n", "echo [$TMUX]\n", "tmux list-sessions\n"),
    one("ls -A /tmp\n", "ls /\n"),
    scene(typed("nano long.txt\n", wait_s=START_S), typed("a line of text\n" * 1_100, wait_s=SLOW_S)),
)
"""Where we differ from Terminus 2 on purpose, see rules.py; never followed by anything."""
