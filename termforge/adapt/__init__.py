"""Prompt datasets become TerminalTasks, without a model in the loop (paper, stage A)."""
