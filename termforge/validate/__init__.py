"""The gates: is a TerminalTask fit to be rolled out? One row of verdicts a task; rejected ones are kept."""

from termforge.validate.gates import ValidationConfig, validate, validate_shard

__all__ = ["ValidationConfig", "validate", "validate_shard"]
