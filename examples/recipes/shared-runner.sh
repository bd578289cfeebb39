#!/bin/sh
# Runs a step of a CI job once the memory that it needs is free and not promised to another job on the same machine.
#
#   shared-runner.sh COMMAND [ARGUMENT...]
${TRIPLINE:-npx --no-install tripline} run --reserve "${RESERVE:-2GB,cpu=2}" --wait "${WAIT:-30m}" --lane "${LANE:-ci}" \
  --memory "${MEMORY:-2GB}" -- "$@"
status=$?
if [ $status -eq 122 ]; then echo "the memory was not free in time"; fi
exit $status
