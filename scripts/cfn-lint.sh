#!/usr/bin/env bash
# A second opinion on the whole assembly, from a tool that shares no code with CDK's own rules. Pinned, in a virtual
# environment of its own. Where there is no Python, there is no second opinion, and this says so.
set -euo pipefail
cd "$(dirname "$0")/.."
assembly=${1:?usage: scripts/cfn-lint.sh ASSEMBLY}

if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
  echo "Skipped: no python3 with venv here."
  exit 0
fi
if ! .venv/bin/cfn-lint --version 2>/dev/null | grep -qF "$(sed -n 's/^cfn-lint==//p' scripts/cfn-lint.requirements.txt)"; then
  python3 -m venv .venv
  .venv/bin/pip install --quiet --disable-pip-version-check -r scripts/cfn-lint.requirements.txt
fi

mapfile -t templates < <(find "$assembly" -name '*.template.json' | sort)
if [ "${#templates[@]}" -eq 0 ]; then
  echo "There is no template in $assembly. Synthesize it first: npm start"
  exit 1
fi
.venv/bin/cfn-lint --config-file scripts/cfn-lint.yaml --non-zero-exit-code warning -- "${templates[@]}"
echo "cfn-lint: ${#templates[@]} templates, no findings."
