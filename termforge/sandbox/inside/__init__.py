"""Programs that run inside a bubblewrap sandbox: stdlib only, laid in as files.

termforge imports them for the format of what they read, never to run them here.
"""
