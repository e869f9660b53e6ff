"""Prefect flows, one file a flow: they compose tasks and hold no domain logic."""
