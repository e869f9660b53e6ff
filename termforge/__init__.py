"""Make training data for terminal agents, and train them.

Reading order: schemas (the words), store (datasets), sandbox/protocol and terminal (the machine), agent/loop (one
episode), verify (grading), rollout (one trial, one shard), then the makers of tasks: adapt/, synthesize/, forge/;
and the users of trajectories: curate/, export/, train/, evaluate. Importing termforge imports no heavy library.
"""

__version__ = "0.1.0"
