"""The smallest script for each thing without which the terminal or the observation is not Terminus 2's.

Each was found by changing our side by hand; it is recorded and replayed with the random scripts.
"""

from tests.parity.recordings import Command, Script


def script(*turns: tuple[str, ...], wait_s: float = 0.5) -> Script:
    return tuple(tuple(Command(keystrokes, wait_s) for keystrokes in turn) for turn in turns)


CASES: dict[str, Script] = {
    "a single line found again at the end hides all output": script(("seq 1 3000\n",), wait_s=2.0),
    "blank rows at the top move the cut": script(("clear; echo; echo first\n",), ("echo second\n",)),
    "history of 2,000 lines, trimmed by 200": script(("seq 2030\n",), ("seq 20\n",), ("echo after\n",), wait_s=2.0),
    "the alternate screen is not the main one": script(("less /etc/services\n",), ("q",), ("\n",)),
    "full-screen programs leave no trace": script(("vim x\n",), (":q\n",), ("echo after\n",)),
    "a cleared screen takes its history along": script(("seq 100\n",), ("clear\n",), ("echo $TERM\n",)),
    "the output limit, applied twice": script(("seq -s ' ' 5000\n",)),
    "the output limit inside a character": script(("printf '日%.0s' {1..5001}; echo\n",)),
    "warnings stand before the output": script(("echo a", "\n")),
    "nothing typed, nothing new": script(("",), ()),
    "key names in any case": script(("echo x",), ("ENTER",), ("y", "c-C"), ("0x41",), ("Enterr",), ("^U",)),
    "a key name and more is text": script(("C-c\n",), ("C-c C-c",), ("c-u",)),
    "what tmux would expand is text": script(("echo '$HOME' ~ \"#{pane_id}\" '\\\\' %5 {} \\;\n",)),
    "a leading dash is text": script(("-la\n",), ("--",), ("C-c",)),
    "invalid bytes and wide characters at the margin": script(
        ("printf '%159s日x\\xff\\xe6\\n' x\n",), ("printf 'e\\u301 \\u200b \\U1f468\\u200d\\U1f469\\n'\n",)
    ),
    "a text longer than one piece": script(
        ("cat > long <<'E'\n" + "a line ; of \\ text $HOME\n" * 300 + "E\nclear; md5sum long\n",), wait_s=3.0
    ),
}  # fmt: skip
