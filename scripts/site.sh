#!/bin/sh
# Makes the site of this checkout, state/site, unless there is one: `make run` starts the master of that site, and
# `git pull` touches nothing there. Where ARM_CI_SITE names a site, that one counts.
# usage: site.sh, in the top directory, when .venv is there
set -eu

if [ -n "${ARM_CI_SITE-}" ] || [ -e state/site/site.yaml ]; then
    exit 0
fi
if [ -e state/state.sqlite ]; then
    echo "site: state/ is of a master before version 0.2.0, and nothing of it is used; \`.venv/bin/arm-ci stop --state state\`"
    echo "site: stops that master, and docs/run-it.md#a-site-made-before-version-020 says how to take it along"
fi
.venv/bin/arm-ci init state/site >/dev/null
echo "site: made state/site, which is yours to edit"
