#include "sampler/standstill.h"

#include <algorithm>

#include "util/time.h"

namespace tripline {
namespace {

// A thread that wakes this much later than it meant to has stood still.
constexpr uint64_t kLate = 50 * kMillisecond;

// A sleep as short as this is observed up to its deadline even where it was interrupted. Tools that hold a process back
// by stopping it many times per second (cpulimit) would otherwise keep every `for` from ever passing.
constexpr uint64_t kShortSleep = 250 * kMillisecond;

}  // namespace

void StandstillWatch::Sleep(uint64_t now, uint64_t deadline) {
  slept_at_ = now;
  deadline_ = std::max(now, deadline);
}

Standstill StandstillWatch::Wake(uint64_t now, bool interrupted) const {
  if (interrupted && now - slept_at_ > kShortSleep) return {now - slept_at_, true};
  const uint64_t late = now > deadline_ ? now - deadline_ : 0;
  return late >= kLate ? Standstill{late, interrupted} : Standstill();
}

}  // namespace tripline
