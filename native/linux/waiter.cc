// The sampling thread's one blocking call on Linux: epoll over a timer and an event.
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "port/platform.h"
#include "port/probe.h"
#include "port/push_trigger.h"

namespace tripline {
namespace {

struct State {
  int epoll = -1;
  int timer = -1;  // timerfd: unlike the timeouts of poll and epoll it takes nanoseconds and ignores timer slack
  int event = -1;
};

bool Add(int epoll, int fd, uint32_t events, void* whom) {
  struct epoll_event event = {};
  event.events = events;
  event.data.ptr = whom;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

void CloseIfOpen(int* fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

}  // namespace

Waiter::Waiter() { os_.Make<State>(); }

bool Waiter::Open(Failure* why) {
  State& state = os_.As<State>();
  state.epoll = epoll_create1(EPOLL_CLOEXEC);
  state.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  state.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (state.epoll >= 0 && state.timer >= 0 && state.event >= 0 && Add(state.epoll, state.timer, EPOLLIN, nullptr) &&
      Add(state.epoll, state.event, EPOLLIN, this)) {
    return true;
  }
  why->SetErrno("starting the sampling thread: epoll_create1, timerfd_create, eventfd", "", errno, "");
  Close();
  return false;
}

void Waiter::Close() {
  State& state = os_.As<State>();
  CloseIfOpen(&state.epoll);
  CloseIfOpen(&state.timer);
  CloseIfOpen(&state.event);
}

bool Waiter::Watch(PushTrigger* push_trigger) {
  State& state = os_.As<State>();
  return Add(state.epoll, static_cast<int>(push_trigger->handle()), push_trigger->readiness(), push_trigger);
}

void Waiter::Unwatch(PushTrigger* push_trigger) {
  State& state = os_.As<State>();
  struct epoll_event unused = {};
  epoll_ctl(state.epoll, EPOLL_CTL_DEL, static_cast<int>(push_trigger->handle()), &unused);
}

uint32_t Waiter::Wait(uint64_t deadline, PushTrigger** rung) {
  State& state = os_.As<State>();
  struct itimerspec due = {};
  if (deadline != kNever) {
    // A time of 0 would disarm the timer.
    const uint64_t at = deadline == 0 ? 1 : deadline;
    due.it_value.tv_sec = static_cast<time_t>(at / kSecond);
    due.it_value.tv_nsec = static_cast<long>(at % kSecond);
  }
  // Setting the time also takes back an expiration that nobody has read, so the timer never needs a read.
  timerfd_settime(state.timer, TFD_TIMER_ABSTIME, &due, nullptr);

  struct epoll_event ready[kMostRung];
  const int count = epoll_wait(state.epoll, ready, kMostRung, -1);
  uint32_t rings = 0;
  for (int i = 0; i < count; i++) {
    if (ready[i].data.ptr == this) {
      uint64_t ignored;
      while (read(state.event, &ignored, sizeof(ignored)) < 0 && errno == EINTR) {
      }
    } else if (ready[i].data.ptr != nullptr) {
      rung[rings++] = static_cast<PushTrigger*>(ready[i].data.ptr);
    }
  }
  return rings;
}

void Waiter::Wake() {
  State& state = os_.As<State>();
  const uint64_t one = 1;
  while (write(state.event, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
}

}  // namespace tripline
