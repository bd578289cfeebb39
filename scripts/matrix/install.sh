#!/bin/sh
# Installs the packages that the matrix and the release binaries need in addition to Node, on Debian 12.
set -eu
export DEBIAN_FRONTEND=noninteractive
dpkg --print-foreign-architectures | grep -q arm64 || dpkg --add-architecture arm64
dpkg --print-foreign-architectures | grep -q armhf || dpkg --add-architecture armhf

# A mirror that is being synchronized has lists that do not match, or lists packages that are gone; it recovers after a
# while. Continue without lists that could not be fetched, as long as the packages can be.
attempt=1
while :; do
  apt-get update -qq -o Acquire::Retries=3 || echo 'install.sh: not all package lists could be fetched' >&2
  if apt-get install -y -qq --no-install-recommends -o Acquire::Retries=3 lld-19 qemu-user musl wine wine64 binutils \
    gcc g++ g++-aarch64-linux-gnu libstdc++6-arm64-cross libstdc++6-armhf-cross libatomic1-armhf-cross >/dev/null; then
    break
  fi
  if [ "$attempt" -ge 5 ]; then
    echo 'install.sh: the packages cannot be installed' >&2
    exit 1
  fi
  sleep $((attempt * 15))
  attempt=$((attempt + 1))
done
