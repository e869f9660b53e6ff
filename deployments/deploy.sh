#!/usr/bin/env bash
# Create the work pool and register every deployment on the Prefect server named by PREFECT_API_URL. Idempotent.
set -euo pipefail
cd "$(dirname "$0")/.."
prefect=.venv/bin/prefect
if ! "$prefect" work-pool inspect termforge >/dev/null 2>&1; then
    "$prefect" work-pool create termforge --type process
fi
"$prefect" --no-prompt deploy --all --prefect-file deployments/prefect.yaml
cat <<'TEXT'

Now start a worker on a machine that can run sandboxes, from the root of the checkout:
    .venv/bin/prefect worker start --pool termforge
and a growth:
    .venv/bin/prefect deployment run 'grow-corpus/by-hand' --watch -p forged_per_domain=2
TEXT
