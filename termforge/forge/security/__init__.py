"""Skills of the domain security, one file each."""

from termforge.forge.security import (
    certificate_inventory,
    daemon_policy,
    decode_layers,
    file_modes,
    hostile_input,
    login_attacks,
    manifest_check,
    password_audit,
    secret_scan,
    signatures,
)

SKILLS = (
    certificate_inventory.SKILL,
    daemon_policy.SKILL,
    decode_layers.SKILL,
    file_modes.SKILL,
    hostile_input.SKILL,
    login_attacks.SKILL,
    manifest_check.SKILL,
    password_audit.SKILL,
    secret_scan.SKILL,
    signatures.SKILL,
)
