"""Programs that run inside a bubblewrap sandbox: stdlib only, laid in as files, never imported by termforge."""
