"""Supervised fine-tuning on an exported corpus: recipes as data, our own template and mask, TRL for the loop.

A flow imports only `recipes`, `launch` and `record`; the torch family is imported by `sft` and `tiny`, which run in a
subprocess (`python -m termforge.train`). Not here: checkpoints and resuming, several nodes (the cluster's launcher
starts `python -m termforge.train` there), reinforcement learning.
"""
