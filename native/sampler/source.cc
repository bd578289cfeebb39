#include "sampler/source.h"

#include "sampler/loop.h"

#include <cstring>
#include <utility>

namespace tripline {
namespace {

// How long a blocking read may take before its metrics count as unavailable.
constexpr uint64_t kSlowLimit = 2 * kSecond;

std::unique_ptr<char[]> Copy(const char* text) {
  const size_t size = std::strlen(text) + 1;
  std::unique_ptr<char[]> copy(new char[size]);
  std::memcpy(copy.get(), text, size);
  return copy;
}

void Clear(MetricMask wanted, Readings* readings) {
  for (MetricMask left = wanted; left != 0; left &= left - 1) readings->of[LowestOf(left)].state = Reading::kAbsent;
  readings->failure.text[0] = '\0';
}

void SetUnavailable(MetricMask wanted, const char* why, Readings* readings) {
  for (MetricMask left = wanted; left != 0; left &= left - 1)
    readings->of[LowestOf(left)].state = Reading::kUnavailable;
  readings->failure.Set(why);
}

// How often it is looked whether something missing has come.
constexpr uint64_t kRetry = kSecond;

class AbsentProbe : public Probe {
 public:
  AbsentProbe(Metric metric, const Selector& selector, const Failure& why)
      : metric_(metric), selector_(selector), name_(Copy(selector.name)), why_(why) {
    selector_.name = name_.get();
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    // A probe that may block would need a helper thread, which this one does not have: it stays absent.
    if (found_ == nullptr && IsHere(metric_) && now >= retry_at_) {
      retry_at_ = now + kRetry;
      found_.reset(MakeProbe(InfoOf(metric_).family, selector_, &why_));
      if (found_ != nullptr && found_->blocking()) found_ = nullptr;
    }
    if (found_ != nullptr) {
      found_->Read(now, wanted, out);
    } else {
      SetUnavailable(wanted, why_.text, out);
    }
  }

  const char* Origin(Metric metric) const override { return found_ != nullptr ? found_->Origin(metric) : ""; }
  double MaxSlope(Metric metric) const override { return found_ != nullptr ? found_->MaxSlope(metric) : 0; }
  uint32_t MinPeriodMs(Metric metric) const override {
    return found_ != nullptr ? found_->MinPeriodMs(metric) : Probe::MinPeriodMs(metric);
  }

 private:
  const Metric metric_;
  Selector selector_;
  std::unique_ptr<char[]> name_;
  Failure why_;
  uint64_t retry_at_ = 0;
  std::unique_ptr<Probe> found_;
};

}  // namespace

std::unique_ptr<Probe> MakeAbsentProbe(Metric metric, const Selector& selector, const Failure& why) {
  return std::unique_ptr<Probe>(new AbsentProbe(metric, selector, why));
}

// One blocking probe and the reads that are out for it. While `running`, the helper thread owns the probe. When the
// source goes away in the meantime, whoever is last deletes this: a thread may come back from a dead mount after days.
class SlowRead {
 public:
  SlowRead(Mutex* lock, void (*wake)(void*), void* argument) : lock(lock), wake(wake), argument(argument) {}

  static void Body(void* raw) {
    auto* self = static_cast<SlowRead*>(raw);
    self->probe->Read(self->started, self->wanted, &self->readings);
    self->lock->Lock();
    self->running = false;
    self->done = true;
    const bool abandoned = self->abandoned;
    if (!abandoned) self->wake(self->argument);
    self->lock->Unlock();
    if (abandoned) delete self;
  }

  Mutex* const lock;
  void (*const wake)(void*);
  void* const argument;
  std::unique_ptr<Probe> probe;
  bool running = false;
  bool done = false;
  bool reported = false;  // as overdue
  bool abandoned = false;
  uint64_t started = 0;
  MetricMask wanted = 0;
  Readings readings;
};

Source::Source(Metric metric, const Selector& selector, std::unique_ptr<Probe> probe, Mutex* lock, void (*wake)(void*),
               void* argument)
    : metric_(metric),
      pid_(selector.pid),
      tree_(selector.tree),
      environment_(InfoOf(metric).scope == Scope::kEnvironment ? selector.environment : nullptr),
      name_(Copy(selector.name)),
      probe_(std::move(probe)) {
  if (!probe_->blocking()) return;
  slow_ = new SlowRead(lock, wake, argument);
  slow_->probe = std::move(probe_);
}

Source::~Source() {
  if (slow_ == nullptr) return;
  if (slow_->running) {
    slow_->abandoned = true;
  } else {
    delete slow_;
  }
}

bool Source::Matches(Metric metric, const Selector& selector) const {
  if (metric != metric_) {
    if (InfoOf(metric).family != InfoOf(metric_).family || !IsHere(metric) || !IsHere(metric_)) return false;
  }
  if (environment_ != nullptr && environment_ != selector.environment) return false;
  return std::strcmp(name_.get(), selector.name) == 0 && pid_ == selector.pid && tree_ == selector.tree;
}

void Source::Read(uint64_t now, MetricMask wanted, Readings* out) {
  Clear(wanted, out);
  probe_->Read(now, wanted, out);
  if (out->failure.failed()) healthy_ = false;
}

void Source::Request(uint64_t now, MetricMask wanted) {
  if (slow_->running || slow_->done) return;
  slow_->wanted = wanted;
  slow_->started = now;
  slow_->reported = false;
  Clear(wanted, &slow_->readings);
  slow_->running = StartThread(SlowRead::Body, slow_, "tripline-slow");
  if (slow_->running) return;
  SetUnavailable(wanted, "no helper thread could be started for a source that may block", &slow_->readings);
  slow_->done = true;
}

bool Source::Take(uint64_t now, MetricMask* wanted, Readings* out) {
  *wanted = slow_->wanted;
  if (slow_->done) {
    slow_->done = false;
    *out = slow_->readings;
    return true;
  }
  if (!slow_->running || slow_->reported || now < OverdueAt()) return false;
  slow_->reported = true;
  SetUnavailable(*wanted, "the source has not answered for 2 s (a hung mount or device?)", out);
  return true;
}

uint64_t Source::OverdueAt() const {
  if (slow_ == nullptr || !slow_->running || slow_->reported) return kNever;
  return slow_->started + kSlowLimit;
}

const char* Source::Origin(Metric metric) {
  if (slow_ == nullptr) return probe_->Origin(metric);
  return slow_->running ? name_.get() : slow_->probe->Origin(metric);
}

double Source::MaxSlope(Metric metric) const {
  if (slow_ == nullptr) return probe_->MaxSlope(metric);
  return slow_->running ? 0 : slow_->probe->MaxSlope(metric);
}

uint64_t Source::MinPeriod(Metric metric) const {
  const bool free = slow_ == nullptr || !slow_->running;
  const Probe* probe = slow_ == nullptr ? probe_.get() : slow_->probe.get();
  return (free ? probe->MinPeriodMs(metric) : InfoOf(metric).min_period_ms) * kMillisecond;
}

}  // namespace tripline
