#!/usr/bin/env bash
# Install Debian's Chromium, in which tests open our pages, where it is missing:
#
#     tests/chromium.sh
#
# Where that cannot be done (it takes root and apt-get), those tests are skipped, and say so.
set -euo pipefail

if command -v chromium > /dev/null; then exit 0; fi
install() { DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium fonts-dejavu-core > /dev/null; }
if ! { [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null && apt-get update -qq && install; }; then
    echo "Chromium cannot be installed here: the tests that open pages are skipped" >&2
fi
