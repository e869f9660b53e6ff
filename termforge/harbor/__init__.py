"""Tasks in Harbor's folder format (task.toml, instruction.md, environment/, tests/, solution/), in and out.

`exporting` writes TerminalTasks as folders that `harbor run` takes; `script` turns typed solutions into solve.sh and
back; `importing` reads any such folder, with `settings` for task.toml; `dockerfile`, `bases`, `variables`, `container`
and `environment` for what the container holds; `shell` for the commands that can be told apart; `reward`, `pytest_ids`,
`reach` and `grading` for the tests.
`python -m termforge.harbor` does either.
"""
