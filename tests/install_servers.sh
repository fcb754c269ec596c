#!/bin/sh
# Bring the real servers that the tests use from Debian's packages, where that is allowed;
# otherwise say what will be skipped. Never fails: a missing server skips its tests.
set -u
missing=""
for pair in mosquitto:mosquitto mosquitto_sub:mosquitto-clients influxd:influxdb \
    victoria-metrics:victoria-metrics chromium:chromium \
    systemd-analyze:systemd openssl:openssl; do
    PATH="$PATH:/usr/sbin" command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "not installed (needs root and apt-get), their tests are skipped:$missing"
    echo "to run them too: sudo apt-get install$missing"
    exit 0
fi
echo "installing$missing ..."
export DEBIAN_FRONTEND=noninteractive
{ apt-get update && apt-get install -y --no-install-recommends $missing; } >/tmp/apt.$$ 2>&1 ||
    { echo "could not be installed, their tests are skipped:$missing"; tail -n 3 /tmp/apt.$$; }
rm -f /tmp/apt.$$
exit 0
