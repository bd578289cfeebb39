#include "sampler/governor.h"

#include <algorithm>

#include "util/time.h"

namespace tripline {
namespace {

// The share of one core that adaptive reads may use, and how often it is checked.
constexpr double kBudget = 0.005;
constexpr uint64_t kJudgeEvery = 64;  // wake-ups
// Unused budget is saved up to this amount, so that a value that approaches a limit quickly, or stays close to it for a
// second or two, is read as fast as its source allows.
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
  // Stretching only ends once a whole second's budget is saved, so that it does not alternate.
  const bool afford = saved_ > (stretch_ > 1 ? kBudget * kSecond : 0);
  stretch_ = afford ? 1 : std::min(kMaxStretch, std::max(1.0, stretch_ * used / allowed));
}

}  // namespace tripline
