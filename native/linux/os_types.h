// What the opaque members of platform.h are made of on Linux.
#pragma once

#include <pthread.h>

namespace tripline {

struct OsMutex {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
};

struct OsWaiter {
  int epoll = -1;
  int timer = -1;  // timerfd: unlike the timeouts of poll and epoll it takes nanoseconds and ignores timer slack
  int event = -1;
};

}  // namespace tripline
