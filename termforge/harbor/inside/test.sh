#!/bin/bash
# The tests are run and weighed as termforge does it; see .grader/grade.py.
chmod -R go-rwx /tests
exec /opt/termforge/grader/python -I /tests/.grader/grade.py
