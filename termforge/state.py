"""Where this machine keeps what it built or started: image records, unpacked root file systems, leases of sandboxes."""

import os
from pathlib import Path


def default_state() -> Path:
    """`/var/lib/termforge` for root (its sandboxes run as another uid), else the user's state folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/termforge")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "termforge"


SANDBOX_UID = 65_534
"""Root's bubblewrap sandboxes run as this uid and gid, so that process limits bind them."""


def sandbox_uid() -> int:
    """Owner of unpacked root file systems and of the processes in bubblewrap sandboxes."""
    return SANDBOX_UID if os.geteuid() == 0 else os.geteuid()
