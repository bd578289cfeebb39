#include "sampler/standstill.h"

#include <algorithm>

#include "util/time.h"

namespace tripline {
namespace {

// A thread that wakes this much too late has stood still.
constexpr uint64_t kLate = 50 * kMillisecond;

// Slow reads are made on another thread, so that a pass takes a millisecond at most; on a busy machine it may have to
// wait for the CPU in between.
constexpr uint64_t kLongPass = 250 * kMillisecond;

// A sleep this short counts as observed up to its deadline even if it was interrupted. Otherwise, tools that slow a
// process down by stopping it many times per second (cpulimit) would keep every `for` from passing.
constexpr uint64_t kShortSleep = 250 * kMillisecond;

}  // namespace

void StandstillWatch::Sleep(uint64_t begun, uint64_t now) {
  within_pass_ = now - begun >= kLongPass ? now - begun : 0;
  slept_at_ = now;
}

Standstill StandstillWatch::Wake(uint64_t now, uint64_t deadline, bool interrupted) const {
  if (interrupted && now - slept_at_ > kShortSleep) return {now - slept_at_ + within_pass_, true};
  const uint64_t late = now - std::min(now, std::max(slept_at_, deadline));
  const uint64_t all = within_pass_ + (late >= kLate ? late : 0);
  return {all, interrupted && all > 0};
}

}  // namespace tripline
