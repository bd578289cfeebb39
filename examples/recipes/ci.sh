#!/bin/sh
# Runs a step of a CI job under limits, so that a step that hangs or leaks ends with a reason, and nothing of it is left behind.
#
#   ci.sh COMMAND [ARGUMENT...]
report=${REPORT:-report.json}
${TRIPLINE:-npx --no-install tripline} run --timeout "${TIMEOUT:-20m}" --idle-output "${IDLE:-5m}" --memory "${MEMORY:-4GB}" \
  --kill-after 10s --report "$report" -- "$@"
status=$?
case $status in
  0) ;;
  123) echo "the step took more memory than it may; see $report" ;;
  124) echo "the step took too long, or was silent too long; see $report" ;;
  *) echo "the step has failed with $status" ;;
esac
exit $status
