#!/bin/sh
# $1 tells an upgrade (deb: upgrade, rpm: 1), which leaves the service as it is.
case ${1:-remove} in upgrade | 1) exit 0 ;; esac
if [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then systemctl disable --now smtptap.socket smtptap.service; fi
