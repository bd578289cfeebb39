// What the opaque members of platform.h are made of on macOS.
#pragma once

#include <pthread.h>

namespace tripline {

struct OsMutex {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
};

struct OsWaiter {
  int queue = -1;
};

}  // namespace tripline
