"""The table of disasters: what an agent types, how its trial must end, and what its work must still be worth.

Every agent first writes 42 to /app/out.txt, which solves the task; then it types its row's replies, and says that it
is done. The words in capitals are what rows are made of.
"""

from typing import Any, NamedTuple

from termforge.agent.protocol import render
from termforge.sandbox.protocol import Engine
from termforge.schemas import Command, Ending, File, ImageRecipe, Limits, Provenance, TerminalTask, Test, Verifier

LIMITS = Limits(max_turns=12, pids=64, memory_mb=256, disk_mb=128)
TESTS = b"def test_it():\n    with open('/app/out.txt') as file: assert file.read() == '42\\n'\n"
TASK = TerminalTask(
    image=ImageRecipe(name="host", recipe=""),
    instruction="Write 42 to /app/out.txt.",
    verifier=Verifier(
        files=(File(path="/tests/test_outputs.py", content=TESTS),),
        tests=(Test(id="test_outputs.py::test_it"),),
        timeout_s=20.0,
    ),
    limits=LIMITS,
    provenance=Provenance(source="forge", generator="test@1"),
)


def reply(*keystrokes: str, wait_s: float = 30.0) -> str:
    """A reply that types these, one command each; waits end before their time where the work does."""
    commands = [Command(keystrokes=keys, duration_s=wait_s) for keys in keystrokes]
    return render("Next.", "Type it.", commands)


WORK = reply("echo 42 > /app/out.txt\n")
DONE = render("Done.", "Confirm.", (), task_complete=True)
ALIVE = reply("echo still $((40 + 1))\n")
STILL = "still 41"
UNTYPABLE = reply("echo a<NUL>b<SURROGATE>c\n").replace("<NUL>", r"\u0000").replace("<SURROGATE>", r"\ud800")

# As a model would find it: the socket's path stands in the list of processes.
TMUX = "T=\"tmux -S $(tr '\\0' '\\n' < /proc/$PPID/cmdline | sed -n '/^-S$/{n;p;q}')\"\n"
CLIENT = "$(pgrep -f 'tmux -[C]' | head -1)"
NEXT_CLIENT = "$(pgrep -f 'attach-sessio[n]')"
FALSE_TMUX = (
    "printf '#!/bin/sh\\necho %%session-changed x; yes junk' > /tmp/t; chmod 755 /tmp/t; mv -f /tmp/t /usr/bin/tmux\n"
)
FOREIGN_CLIENT = "sleep 60 | $T -C attach > /dev/null & sleep 1\n"

RM_ROOT = "rm -rf --no-preserve-root / 2>/dev/null\n"
ROOMY = Limits(max_turns=12, disk_mb=1024)
TIGHT = Limits(max_turns=12, pids=256, memory_mb=32, disk_mb=16)
FORK_BOMB = "bomb() { bomb | bomb & }; bomb\n"
MEMORY_BOMB = 'python3 -c "x = [bytearray(8 << 20) for _ in range(999)]"\n'
MEMORY_BOMBS = 'for n in $(seq 20); do python3 -c "x = bytearray(30 << 20); import time; time.sleep(9)" & done\n'
EQUAL = "for p in $$ $PPID; do echo 0 > /proc/$p/oom_score_adj; done\n"
SLEEPERS = "for n in $(seq 250); do (for m in 1 2 3; do :; done; sleep 20) & done; wait\n"
DISK_FILL = "for n in $(seq 200); do head -c 10M /dev/zero > {}/$n || break; sleep 0.3; done\n"


class Disaster(NamedTuple):
    name: str
    replies: tuple[str, ...]
    ending: Ending = Ending.COMPLETED
    outcome: str = "solved"
    shown: str = ""
    """What some observation must hold: that the terminal lived on, say."""
    because: str = ""
    """What the verdict must say of the failed test."""
    limits: Limits = LIMITS
    docker: tuple[Ending, str] | None = None
    """Ending and outcome there, where they are others."""

    def expected(self, engine: Engine) -> tuple[Ending, str]:
        return self.docker if self.docker and engine.name == "docker" else (self.ending, self.outcome)


CLOSED, TAMPERED = Ending.TERMINAL_CLOSED, Ending.TERMINAL_TAMPERED
CAUGHT = TAMPERED, "terminal tampered"
FULL = Ending.RESOURCE_LIMIT, "solved"
"""Where a disk has no quota the sandbox is ended for filling it; its files can still be graded."""


def closing(name: str, *replies: str, **expected: Any) -> Disaster:
    return Disaster(name, replies, CLOSED, **expected)


def surviving(name: str, *replies: str, shown: str = STILL, **expected: Any) -> Disaster:
    return Disaster(name, (*replies, ALIVE), shown=shown, **expected)


def tampering(name: str, *replies: str) -> Disaster:
    return Disaster(name, replies, *CAUGHT)


def leaving(name: str, line: str, outcome: str = "unsolved", **expected: Any) -> Disaster:
    return Disaster(name, (reply(f"{line}\n"),), outcome=outcome, **expected)


TERMINALS = [
    closing("tmux stopped", reply("kill -STOP $PPID\n")),  # takes longest, so it begins first
    closing("exit", reply("exit\n")),
    closing("exit amid a batch", reply("exit\n", "echo 41 > /app/out.txt\n", "ls\n")),
    closing("exec false", reply("exec false\n")),
    surviving("exec cat", reply("exec cat\n"), shown="still $((40 + 1))"),
    closing("kill all", reply("kill -9 -1\n")),
    closing("tmux killed", reply("kill -9 $PPID\n")),
    closing("session killed", reply(TMUX, "$T kill-session\n")),
    surviving("init killed", reply("for n in $(seq 64); do kill -$n 1; done 2>/dev/null\n")),
    surviving("reboot", reply("reboot -f; poweroff -f; halt -f; echo b > /proc/sysrq-trigger\n")),
    surviving("detached", reply(TMUX, "$T detach-client -s 0\n")),
    closing("detached, socket gone", reply(f"rm -rf /run/* /var/lib/* 2>/dev/null; kill {CLIENT}\n")),
    tampering("detached twice", reply(f"kill {CLIENT}\n"), reply(f"kill {NEXT_CLIENT}\n")),
    tampering("alias", reply(TMUX, "$T set -s command-alias[99] 'capture-pane=display-message -p faked'\n")),
    tampering("hook", reply(TMUX, "$T set-hook -g after-capture-pane 'display-message -p hooked'\n")),
    tampering("foreign client", reply(TMUX, FOREIGN_CLIENT)),
    tampering("swapped pane", reply(TMUX, "$T split-window -d; $T swap-pane -D\n")),
    tampering("pane in other hands", reply(TMUX, "$T respawn-pane -k cat\n")),
    # On the host's own /usr, and over sockets, which nobody can open by name, these two come to nothing.
    surviving("false tmux", reply(FALSE_TMUX, f"kill {CLIENT}\n"), shown="", docker=CAUGHT),
    surviving("junk in the channel", reply(f"yes junk > /proc/{CLIENT}/fd/1 &\n", wait_s=2.0), docker=CAUGHT),
    surviving("open quote", reply("echo 'open\n"), reply("ls\n"), reply("'\n")),
    Disaster("open quote for good", (reply("echo 'open\n"), reply("ls\n")), shown="\n> "),
    Disaster("untypable", (UNTYPABLE,), shown="\nabc\n"),
    # An unfinished escape sequence may swallow what follows on the screen; the keys still arrive.
    Disaster("binary", (reply("rm /app/out.txt; head -c 3000000 /dev/urandom\n"), reply("C-c", "C-u"), WORK)),
    surviving("endless output", reply("yes\n", wait_s=2.0), reply("C-c")),
    Disaster("endless output for good", (reply("yes\n", wait_s=2.0), reply("ls\n", wait_s=1.0)), shown="y\ny\n"),
]
MACHINES = [
    surviving("rm tmp", reply("rm -rf /tmp/* /tmp/.[!.]*\n")),
    surviving("rm root", reply(RM_ROOT), outcome="unsolved", because="No such file"),
    closing("rm root and exit", reply(RM_ROOT), reply("exit\n"), outcome=CLOSED.value),
    Disaster("fork bomb", (reply(FORK_BOMB, wait_s=3.0), reply("C-c", "ls\n", wait_s=1.0))),
    closing("fork bomb and exec", reply(FORK_BOMB, wait_s=3.0), reply("exec false\n", wait_s=5.0)),
    surviving("memory bomb", reply(MEMORY_BOMB)),
    surviving("memory bombs", reply(MEMORY_BOMBS, wait_s=4.0)),
    closing("memory full of small ones", reply(SLEEPERS), limits=TIGHT),
    surviving("disk full", reply(DISK_FILL.format("/root"), wait_s=60.0), docker=FULL),
    surviving("disk full of work", reply(DISK_FILL.format("/app"), wait_s=60.0), docker=FULL),
]
REMAINS = [
    leaving("too large", "truncate -s 300M large", because="bytes"),
    leaving("sparse, larger than the disk", "truncate -s 200M sparse", "solved"),
    leaving("larger than memory", "truncate -s 250M out.txt", because="killed"),
    leaving("too many files", "seq 100000 | xargs touch", because="files", limits=ROOMY),
    leaving("too many links", "head -c 1M /dev/zero > a; for n in $(seq 300); do ln a a$n; done", because="bytes"),
    leaving("link", "rm out.txt; ln -s /dev/zero out.txt", because="No such file"),
    leaving("link for a folder", "cd /; mv /app /srv; ln -s /srv/app /app", because="No such file"),
    leaving("file for a folder", "cd /; rm -rf /app; echo 42 > /app", because="is a file"),
    leaving("folder for a file", "rm out.txt; mkdir -p out.txt/x; touch out.txt/x/y", because="Is a directory"),
    leaving("pipe", "rm out.txt; mkfifo out.txt", because="No such file"),
    leaving("device", "rm out.txt; mknod out.txt c 1 5", because="No such file"),
    leaving("names", "touch $'new\\nline' $'\\xff' ..; mkdir $'\\xfe' && touch $'\\xfe/-rf'", "solved"),
    leaving("depths", 'python3 -c \'import os\nfor _ in range(3000): os.mkdir("d"); os.chdir("d")\'', "solved"),
    leaving("long path", f"for n in $(seq 40); do mkdir {'d' * 200}; cd {'d' * 200}; done; echo x > file", "solved"),
    leaving("modes", "chmod 0 . out.txt; touch setuid; chmod 6777 setuid", "solved"),
]
DISASTERS = [*TERMINALS, *MACHINES, *REMAINS]
