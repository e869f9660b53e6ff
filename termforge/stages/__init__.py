"""The arrows of the pipeline: each stage reads dataset versions and writes one, under a name that its inputs determine.

A stage that finds its version finished returns it: running the same night again does only what is missing.
"""
