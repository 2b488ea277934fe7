#!/bin/sh
# Makes sure that the browser tests find a Chromium; where it cannot, it says what to install, and the tests say it again.
set -eu

for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then exit 0; fi
done

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "No Chromium on the PATH: installing Debian's for the browser tests"
  apt-get update --quiet --quiet
  apt-get install --yes --no-install-recommends chromium
else
  echo "The browser tests need Chromium on the PATH (Debian: sudo apt-get install chromium)"
fi
