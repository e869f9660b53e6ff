"""The ear of a recording: a second control client of a trial's tmux, which hears what the pane puts out.

It has a stream and a thread of its own, so that a recording neither delays nor disturbs the trial: the client through
which the terminal is driven hears no output, and output is stamped when it comes, whatever the trial waits for. What
is read here is data from the agent, and only ever written down. A pane does not wait for it: what is not taken up in
time is dropped by tmux (`pause-after`), which bounds tmux's memory, and a marker says so. A full recording ends the
flow. What is put out in the moment in which the last shell exits may be lost.
"""

import codecs
import contextlib
import queue
import re
import secrets
import socket
import threading

from termforge.errors import TerminalError
from termforge.terminal import tmux
from termforge.terminal.recording import Recording

_ANSWER_S = 10.0
_LAST_WORD_S = 1.0
_LINE_BYTES = 1 << 16
"""tmux sends at most 8 KiB of output in one line, each byte as up to four."""
_OUTPUT = re.compile(rb"%extended-output (%\d{1,9}) [^:]*: (.*)\n")
_PAUSE = re.compile(rb"%pause (%\d{1,9})\n")


class Listener:
    def __init__(self, stream: socket.socket, recording: Recording) -> None:
        """`stream` is that of `tmux.listen_command`. Raises: TerminalError when no tmux answers on it."""
        self._stream, self._recording = stream, recording
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._word = secrets.token_hex(16).encode()
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._attached = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._listen, name="termforge-listener", daemon=True)
        self._thread.start()
        self._attached.wait(_ANSWER_S)  # until then tmux speaks of another client
        self.client = self._caught_up(_ANSWER_S)
        """What tmux's list of clients shows of it."""
        if not self.client:
            self.close()
            raise TerminalError("the recording of the terminal could not be started")

    def close(self) -> None:
        """Take up what was put out so far, then end the client; may be called twice."""
        if not self._closing and self._thread.is_alive():
            self._caught_up(_LAST_WORD_S)
        self._closing = True
        with contextlib.suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _caught_up(self, timeout_s: float) -> str:
        """The client's pid, which tmux says after all output until now; empty when it does not, or is gone."""
        with contextlib.suppress(OSError, queue.Empty):
            self._stream.sendall(b'display-message -p "%s #{client_pid}"\n' % self._word)
            return self._answers.get(timeout=timeout_s)
        return ""

    def _listen(self) -> None:
        with self._stream, contextlib.suppress(OSError), self._stream.makefile("rb") as lines:
            while line := lines.readline(_LINE_BYTES):
                self._hear(line)
        self._attached.set()
        self._answers.put("")
        if not self._closing:
            self._recording.mark("the recording ends here: its tmux client has ended")

    def _hear(self, line: bytes) -> None:
        if output := _OUTPUT.fullmatch(line):
            self._recording.shown(self._decoder.decode(tmux.unescaped(output[2])))
            if self._recording.full:
                self._stream.sendall(b"refresh-client -A '%s:pause'\n" % output[1])
        elif (pause := _PAUSE.fullmatch(line)) and not self._recording.full:
            self._recording.mark("output is missing here: there was more than could be taken up")
            self._stream.sendall(b"refresh-client -A '%s:continue'\n" % pause[1])
        elif line.startswith(b"%session-changed "):
            self._attached.set()
        elif line.startswith(self._word):
            self._answers.put(line.removeprefix(self._word).strip().decode(errors="replace"))
