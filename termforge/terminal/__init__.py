"""The terminal of an episode: tmux in control mode over one stream. Keys in, screen out, waits for the work to end."""

from termforge.terminal.session import Terminal, WaitMode

__all__ = ["Terminal", "WaitMode"]
