#!/bin/sh
# One run of the reference alert set. It says nothing unless it fails, so that cron mails failures only; a start that
# finds another run going on leaves at once: nothing is lost, the next run judges its slot.
# Needs in /srv/alerts: social_alerts.py, a virtual environment, and settings.sh, which exports what the first one asks
# for, readable by this user only.
cd /srv/alerts || exit 2
. ./settings.sh
exec 9>run.lock
flock --nonblock 9 || exit 0
timeout 600 .venv/bin/anomalert run social_alerts:pipeline >last-run.txt 2>&1 || { code=$?; cat last-run.txt; echo "exit code $code"; exit $code; }
