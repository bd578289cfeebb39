#!/bin/sh
# Installs what the matrix and the release binaries need beyond Node, on Debian 12.
set -eu
dpkg --print-foreign-architectures | grep -q arm64 || dpkg --add-architecture arm64
dpkg --print-foreign-architectures | grep -q armhf || dpkg --add-architecture armhf
# A mirror in the middle of a sync is no reason to stop: the lists that matter may be there.
apt-get update -qq || true
apt-get install -y -qq --no-install-recommends lld-19 qemu-user musl wine wine64 binutils \
  gcc g++ g++-aarch64-linux-gnu libstdc++6-arm64-cross libstdc++6-armhf-cross libatomic1-armhf-cross >/dev/null
