#!/bin/sh
# Runs tests on the newest Python of this machine, when it has a newer one than the first argument's: one of SAMPLE
# tests, of every kind, ten unless told otherwise; SAMPLE=1 runs all of them.
# What drives browsers, containers and whole processes has run already and looks the same from outside.
set -eu
ours=$("$1" -c 'import sys; print(sys.version_info[1])')
newest=
for candidate in $(command -v python3.14 python3.13 python3.12 2>/dev/null) \
  $(ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9].*/bin/python3 2>/dev/null | sort -rV); do
  version=$("$candidate" -c 'import sys; print(sys.version_info[1])' 2>/dev/null) || continue
  if [ "$version" -gt "$ours" ]; then newest=$candidate; break; fi
done
if [ -z "$newest" ]; then
  echo "==> This machine has no newer Python than 3.$ours; tests ran on that one only"
  exit 0
fi
printf '\033[1m==> One test of %s on Python 3.%s\033[0m\n' "${SAMPLE:-10}" "$version"
if [ ! -e .venv-newer/.ready ] || [ constraints.txt -nt .venv-newer/.ready ] || [ pyproject.toml -nt .venv-newer/.ready ]; then
  rm -rf .venv-newer
  "$newest" -m venv .venv-newer
  PIP_DISABLE_PIP_VERSION_CHECK=1 .venv-newer/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
  touch .venv-newer/.ready
fi
exec .venv-newer/bin/python -m pytest -n "${JOBS:-auto}" --dist loadfile -q --sample "${SAMPLE:-10}" -m 'not browser and not slow' --ignore=tests/e2e --ignore=tests/faults --ignore=tests/docker --ignore=tests/web --ignore=tests/pipeline_simulation
