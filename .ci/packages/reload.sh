#!/bin/sh
# Nothing runs in a root that is only prepared.
if [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
