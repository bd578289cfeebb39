// The part of macOS's <sys/event.h> that native/darwin/ uses; stand_in.cc implements it.
#pragma once
#include <time.h>
#include <cstdint>

struct kevent {
  uintptr_t ident;
  int16_t filter;
  uint16_t flags;
  uint32_t fflags;
  intptr_t data;
  void* udata;
};

constexpr int16_t EVFILT_PROC = -5;
constexpr int16_t EVFILT_SIGNAL = -6;
constexpr uint16_t EV_ADD = 0x1;
constexpr uint16_t EV_CLEAR = 0x20;
constexpr uint32_t NOTE_EXIT = 0x80000000;
constexpr uint32_t NOTE_FORK = 0x40000000;

#define EV_SET(event, ident, filter, flags, fflags, data, udata) \
  (*(event) = {(ident), (filter), (flags), (fflags), (data), (udata)})

extern "C" {
int kqueue();
int kevent(int queue, const struct kevent* changes, int change_count, struct kevent* into, int room,
           const struct timespec* timeout);
}
