#include "sampler/source.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "port/spawn.h"
#include "sampler/environment.h"
#include "sampler/feed.h"
#include "sampler/loop.h"
#include "sampler/slow_read.h"

namespace tripline {
namespace {

// How long a blocking read may take before its metrics count as unavailable.
constexpr uint64_t kSlowLimit = 2 * kSecond;

// A probe that yields nothing is replaced at growing intervals, since it may also recover by itself.
constexpr uint64_t kLongestRetry = 16 * kSecond;

}  // namespace

Probe* MakeProbeOf(Metric metric, const Selector& selector, Failure* why) {
  if (!IsHere(metric)) {
    why->Set(WhyMissing(metric));
    return nullptr;
  }
  const Family family = InfoOf(metric).family;
  return family == Family::kLoop ? MakeLoopProbe(selector.environment) : MakeProbe(family, selector, why);
}

Source::Source(Metric metric, const Selector& selector, ProbeMaker make, Mutex* lock, void (*wake)(void*),
               void* argument)
    : metric_(metric),
      pid_(selector.pid),
      tree_(selector.tree),
      environment_(InfoOf(metric).scope == Scope::kEnvironment ? selector.environment : nullptr),
      make_(make),
      lock_(lock),
      wake_(wake),
      argument_(argument),
      retry_after_(kRetry) {
  name_.Set(selector.name);
}

Source::~Source() {
  if (slow_ != nullptr) slow_->Abandon();
}

bool Source::Matches(Metric metric, const Selector& selector) const {
  if (InfoOf(metric_).scope == Scope::kGuard) return false;
  if (metric != metric_) {
    if (InfoOf(metric).family != InfoOf(metric_).family || !IsHere(metric) || !IsHere(metric_)) return false;
  }
  if (environment_ != nullptr && environment_ != selector.environment) return false;
  return std::strcmp(name_.get(), selector.name) == 0 && pid_ == selector.pid && tree_ == selector.tree;
}

// ---- the probe -----------------------------------------------------------------------------------------------------

bool Source::Make(uint64_t now, Failure* why) {
  retry_at_ = now + kRetry;
  Selector selector;
  selector.name = name_.get();
  selector.pid = pid_;
  selector.tree = tree_;
  selector.environment = environment_;
  std::unique_ptr<Probe> made(make_(metric_, selector, why));
  if (made == nullptr) {
    why_ = *why;
    return false;
  }
  Install(std::move(made));
  return true;
}

void Source::Install(std::unique_ptr<Probe> probe) {
  if (slow_ != nullptr) slow_->Abandon();
  slow_ = nullptr;
  if (probe->blocking())
    slow_ = new SlowRead(std::move(probe), lock_, wake_, argument_);
  else
    probe_ = std::move(probe);
}

Probe* Source::probe() const { return slow_ == nullptr ? probe_.get() : slow_->probe(); }

MetricMask Source::Watched() const {
  MetricMask watched = 0;
  for (const Feed* each : feeds) watched |= MaskOf(each->series.metric());
  return watched;
}

// When a sensor is plugged in again, a module reloaded or a file system mounted again, the files that a probe has open
// are gone for good, and a new probe helps. Not for a process that has ended: its pid may belong to another one.
bool Source::MayMakeAnew() const {
  if (slow_ != nullptr && !slow_->idle()) return false;
  if (environment_ != nullptr || pid_ != 0 || probe()->recovers()) return false;
  return (Watched() & ~lost_) == 0;
}

void Source::TryAgain(uint64_t now) {
  if (now < retry_at_) return;
  Failure ignored;
  if (slow_ == nullptr && probe_ == nullptr) {
    if (IsHere(metric_)) Make(now, &ignored);
  } else if (MayMakeAnew()) {
    Make(now, &ignored);
    retry_at_ = now + retry_after_;
    retry_after_ = std::min(2 * retry_after_, kLongestRetry);
  }
}

// ---- reads ---------------------------------------------------------------------------------------------------------

MetricMask Source::Note(MetricMask answered, const Readings& readings) {
  for (MetricMask left = answered; left != 0; left &= left - 1) {
    const MetricMask bit = left & (~left + 1);
    const Reading::State state = readings.of[LowestOf(left)].state;
    if (state == Reading::kUnavailable) {
      lost_ |= bit;
      healthy_ = false;
    } else if (state == Reading::kKnown) {
      lost_ &= ~bit;
      retry_after_ = kRetry;
    }
  }
  return answered;
}

MetricMask Source::Refuse(MetricMask metrics, const char* why, Readings* out) {
  ClearReadings(metrics, out);
  SetUnavailable(metrics, why, out);
  return Note(metrics, *out);
}

MetricMask Source::Read(uint64_t now, MetricMask wanted, Readings* out) {
  if (lost_ != 0 || (probe_ == nullptr && slow_ == nullptr)) TryAgain(now);
  if (slow_ == nullptr) {
    queued_ = 0;
    if (probe_ == nullptr) return Refuse(wanted, why_.text, out);
    ClearReadings(wanted, out);
    if (!tree_ || !IsWaitingRoot(pid_)) probe_->Read(now, wanted, out);
    pending_ = (pending_ & ~wanted) | probe_->Pending();
    return Note(wanted & ~pending_, *out);
  }
  if (overdue_ && slow_->running()) {
    return Refuse(wanted, "the source has not answered for 2 s (a hung mount or device?)", out);
  }
  if (!slow_->idle()) {
    queued_ |= wanted & ~slow_->wanted();
    return 0;
  }
  wanted |= std::exchange(queued_, 0);
  if (slow_->Start(now, wanted)) return 0;
  return Refuse(wanted, "no helper thread could be started for a source that may block", out);
}

MetricMask Source::Take(uint64_t now, Readings* out) {
  if (slow_->done()) {
    overdue_ = false;
    const MetricMask answered = slow_->wanted();
    *out = slow_->Take();
    return Note(answered, *out);
  }
  if (now < OverdueAt()) return 0;
  // If one read hangs, the others would hang too.
  overdue_ = true;
  queued_ = 0;
  return Refuse(Watched(), "the source has not answered for 2 s (a hung mount or device?)", out);
}

uint64_t Source::OverdueAt() const {
  if (!slow_->running() || overdue_) return kNever;
  return slow_->started() + kSlowLimit;
}

void Source::Discount(const Standstill& standstill, uint64_t now) {
  if (slow_ != nullptr && slow_->running()) slow_->DiscountGap(standstill.duration, now);
  // If only this thread was starved, the event loop may have run; if both were, the loop's delay is real.
  if (environment_ != nullptr && standstill.stopped) environment_->DiscountGap(standstill.duration, now);
}

const char* Source::Origin(Metric metric, uint32_t part) const {
  if (probe() != nullptr) return probe()->OriginOf(metric, part);
  return slow_ != nullptr ? name_.get() : "";
}

double Source::MaxSlope(Metric metric) const { return probe() != nullptr ? probe()->MaxSlope(metric) : 0; }

double Source::Ceiling(Metric metric) const { return probe() != nullptr ? probe()->Ceiling(metric) : 0; }

void Source::Rest(Metric metric) {
  if ((Watched() & MaskOf(metric)) != 0) return;
  pending_ &= ~MaskOf(metric);
  if (environment_ != nullptr && probe_ != nullptr) probe_->Rest(metric);
}

uint64_t Source::MinPeriod(Metric metric) const {
  return (probe() != nullptr ? probe()->MinPeriodMs(metric) : InfoOf(metric).min_period_ms) * kMillisecond;
}

}  // namespace tripline
