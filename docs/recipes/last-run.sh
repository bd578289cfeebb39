#!/bin/sh
# Runs a command with a recording, and leaves the verdict where the kubelet looks for it.
tripline run --record "$RECORDING" -- "$@" &
run=$!
trap 'kill -TERM "$run"' TERM INT
wait "$run"
status=$?
# A signal ends the wait, but not the command.
while kill -0 "$run" 2>/dev/null; do
  wait "$run"
  status=$?
done
tripline explain --brief "$RECORDING" >"${TERMINATION_LOG:-/dev/termination-log}"
exit "$status"
