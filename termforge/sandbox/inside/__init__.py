"""Programs that run inside a bubblewrap sandbox, laid in as files with zygote.py: stdlib only, and pytest for nest.py.

termforge imports init.py for the format of what it reads; none is run on the host.
"""
