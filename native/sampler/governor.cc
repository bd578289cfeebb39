#include "sampler/governor.h"

#include <algorithm>

#include "util/time.h"

namespace tripline {
namespace {

// How much of one core the adaptive reads may take, and how often that is judged.
constexpr double kBudget = 0.005;
constexpr uint64_t kJudgeEvery = 64;  // wake-ups
// What is not used is saved up to this much: a value that races towards a limit, or hovers at it for a second or two,
// is read as fast as its source allows.
constexpr double kMostSaved = 50.0 * kMillisecond;
constexpr double kMaxStretch = 64;

}  // namespace

void Governor::Begin(uint64_t now, uint64_t cpu) {
  stretch_ = 1;
  saved_ = kMostSaved;
  judged_at_ = now;
  judged_cpu_ = cpu;
  wakeups_ = reading_wakeups_ = 0;
}

bool Governor::IsDue(uint64_t now) const {
  return wakeups_ >= kJudgeEvery || (wakeups_ > 0 && stretch_ > 1 && now - judged_at_ >= kSecond);
}

void Governor::Judge(uint64_t now, uint64_t cpu) {
  const uint64_t elapsed = now - judged_at_;
  if (elapsed == 0) return;
  const double reading = static_cast<double>(reading_wakeups_) / static_cast<double>(wakeups_);
  const double used = ToNumber(cpu - judged_cpu_) * reading;
  const double allowed = ToNumber(elapsed) * kBudget;
  saved_ = std::max(0.0, std::min(kMostSaved, saved_ + allowed - used));
  judged_at_ = now;
  judged_cpu_ = cpu;
  wakeups_ = reading_wakeups_ = 0;
  // Once stretched, only what is worth a second of the budget ends it: no swinging to and fro.
  const bool afford = saved_ > (stretch_ > 1 ? kBudget * kSecond : 0);
  stretch_ = afford ? 1 : std::min(kMaxStretch, std::max(1.0, stretch_ * used / allowed));
}

}  // namespace tripline
