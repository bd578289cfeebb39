#include "sampler/idle_clock.h"

#include "port/platform.h"

namespace tripline {
namespace {

// More than the resolution of any system's clock: within this time, the idle time of a waiting loop grows.
constexpr uint64_t kVisible = 1000;

}  // namespace

IdleLook IdleClock::Look() const {
  IdleLook look;
  look.at = MonotonicNow();
  if (read == nullptr) return look;
  const uint64_t first = read(loop);
  do {
    look.idle = read(loop);
  } while (look.idle == first && MonotonicNow() - look.at < kVisible);
  look.waiting = look.idle != first;
  return look;
}

}  // namespace tripline
