"""Prefect tasks, one file a stage: each states a policy (retries, names, artifacts) and calls into termforge once."""

import logging

# Prefect forwards this logger to the UI only if it has a level of its own.
logging.getLogger("termforge").setLevel(logging.INFO)
