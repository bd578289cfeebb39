#include "sampler/verdicts.h"

#include <algorithm>

#include "sampler/environment.h"
#include "sampler/flight_log.h"
#include "util/time.h"

namespace tripline {

void Verdicts::Judge(uint64_t now) {
  for (Guard* each : held_) {
    if (now >= each->hold_end() && !each->dirty) Add(each);
  }
  bool released = false;
  for (Guard* each : dirty_) {
    if (JudgeOne(each, now)) {
      for (FlightLog* log = each->environment()->first_log; log != nullptr; log = log->next_of_environment) {
        log->NoteEdge(*each, now);
      }
    }
    const bool holds = each->hold_end() != kNever;
    if (holds && !each->held) held_.push_back(each);
    released |= each->held && !holds;
    each->held = holds;
  }
  dirty_.clear();
  if (!released) return;
  const auto let_go = [](const Guard* each) { return !each->held; };
  held_.erase(std::remove_if(held_.begin(), held_.end(), let_go), held_.end());
}

bool Verdicts::JudgeOne(Guard* guard, uint64_t now) {
  guard->dirty = false;
  const bool edge = guard->Judge(now);
  guard->React();
  Environment* environment = guard->environment();
  environment->board.WriteFlag(guard->spec().flag, static_cast<uint8_t>(guard->state()), guard->breaches());
  if (!edge) return false;
  environment->board.CountEdge();
  environment->Deliver(guard);
  return true;
}

uint64_t Verdicts::NextRelease() const {
  uint64_t next = kNever;
  for (const Guard* each : held_) next = std::min(next, each->hold_end());
  return next;
}

}  // namespace tripline
