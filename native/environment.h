// One JavaScript environment (the main thread or a worker) as the sampler sees it.
#pragma once

#include <cstdint>
#include <vector>

#include "board.h"
#include "guard.h"
#include "loop.h"

namespace tripline {

class Environment {
 public:
  // `notify` asks JavaScript to fetch what is undelivered; it must not block and is called with the sampler's lock
  // held, at most once until the next Drain.
  Environment(void (*notify)(void*), void* context) : notify_(notify), context_(context) {}

  void Deliver(Guard* guard) {
    if (!guard->undelivered) undelivered.push_back(guard);
    guard->undelivered = true;
    Notify();
  }
  void Answer(uint32_t request) {
    answered.push_back(request);
    Notify();
  }
  // Has JavaScript say that it is there; see loop.h.
  void AskForBeat(uint64_t now) {
    beat.sent = now;
    beat_wanted = true;
    Notify();
  }
  void TakeBeat(uint64_t now, double idle_ms, double heap) {
    beat.answered = now;
    beat.delay = now - beat.sent;
    beat.idle_ms = idle_ms;
    beat.heap = heap;
  }
  void Drained() {
    beat_wanted = false;
    for (Guard* each : undelivered) each->undelivered = false;
    undelivered.clear();
    answered.clear();
    notified_ = false;
  }

  Board board;
  std::vector<Guard*> undelivered;
  std::vector<uint32_t> answered;
  Beat beat;
  bool beat_wanted = false;

 private:
  void Notify() {
    if (notified_) return;
    notified_ = true;
    notify_(context_);
  }

  void (*const notify_)(void*);
  void* const context_;
  bool notified_ = false;
};

}  // namespace tripline
