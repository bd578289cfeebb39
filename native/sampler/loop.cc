#include "sampler/loop.h"

#include <algorithm>
#include <utility>

#include "port/platform.h"
#include "sampler/environment.h"

namespace tripline {
namespace {

constexpr MetricMask kOfHeap = MaskOf(Metric::kHeap) | MaskOf(Metric::kHeapUsed);

// While the loop has been busy for no longer than this, the heap is about what it was.
constexpr uint64_t kQuiet = kMillisecond;

// No thread fills a heap faster, in bytes per second: four times what was measured with long strings, the fastest way.
constexpr double kFastestHeap = 16e9;

// If the loop's idle time grows by this much more than time has passed, its clock has gone on while ours stood still:
// the machine has slept.
constexpr double kClocksParted = 50e6;

class LoopProbe : public Probe {
 public:
  explicit LoopProbe(Environment* environment) : environment_(environment), used_(environment->figures.at) {
    Rest(Metric::kEventLoopDelay);
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    environment_->look = environment_->idle_clock.Look();
    const bool counted = environment_->look.idle != 0;
    // A loop that has never waited may be one that does not count.
    bool figures = !counted && Wants(wanted, Metric::kEventLoopUtilization);
    if ((wanted & kOfHeap) != 0) {
      if (IsHeapKnown(counted))
        SetHeap(out);
      else
        figures = true;
    }
    if (Wants(wanted, Metric::kEventLoopUtilization)) {
      if (counted)
        SetUtilization(environment_->look.at, ToNumber(environment_->look.idle), out);
      else
        SetUtilizationByHeartbeat(now, out);
    }
    bool ping = false;
    if (Wants(wanted, Metric::kEventLoopDelay)) {
      ping = !environment_->look.waiting && !environment_->heartbeat.outstanding();
      SetDelay(now, ping, out);
    }
    if (ping || (figures && !environment_->figures_wanted)) environment_->AskForHeartbeat(now, figures);
    pending_ = figures ? wanted & Unread(*out) : 0;
  }

  MetricMask Pending() const override { return pending_; }

  // The delay of an earlier answer says nothing about the time of a later guard.
  void Rest(Metric metric) override {
    if (metric != Metric::kEventLoopDelay) return;
    environment_->heartbeat.delay = 0;
    known_ = false;
  }

  const char* Origin(Metric metric) const override {
    const bool counted = environment_->look.idle != 0;
    switch (metric) {
      case Metric::kHeap:
      case Metric::kHeapUsed:
        return environment_->heap_full ? "v8::Isolate::AddNearHeapLimitCallback()" : "v8.getHeapStatistics()";
      case Metric::kEventLoopUtilization:
        return counted ? "uv_metrics_idle_time()" : "performance.eventLoopUtilization()";
      default: return counted ? "uv_metrics_idle_time(), heartbeat" : "heartbeat";
    }
  }

  double MaxSlope(Metric metric) const override {
    // A blocked loop's delay grows with the clock: 1000 ms per second. Otherwise the next read begins to measure.
    return metric == Metric::kEventLoopDelay && environment_->heartbeat.outstanding() ? 1000 : 0;
  }

  double Ceiling(Metric metric) const override {
    switch (metric) {
      case Metric::kHeap: return 100 * kFastestHeap / environment_->figures.heap_limit;
      case Metric::kHeapUsed: return kFastestHeap;
      default: return 0;
    }
  }

 private:
  // Those of the metrics that JavaScript's figures yield which `readings` lacks.
  static MetricMask Unread(const Readings& readings) {
    MetricMask unread = 0;
    for (const Metric metric : {Metric::kHeap, Metric::kHeapUsed, Metric::kEventLoopUtilization}) {
      if (readings.of[static_cast<uint32_t>(metric)].state == Reading::kAbsent) unread |= MaskOf(metric);
    }
    return unread;
  }

  // Whether the heap's last figures still hold.
  bool IsHeapKnown(bool counted) const {
    const LoopFigures& figures = environment_->figures;
    if (figures.at == 0) return false;
    // Just taken.
    if (figures.at != used_) return true;
    if (!counted) return false;
    const uint64_t passed = environment_->look.at - figures.look.at;
    return environment_->look.idle - figures.look.idle + kQuiet >= passed;
  }

  void SetHeap(Readings* out) {
    const LoopFigures& figures = environment_->figures;
    used_ = figures.at;
    out->SetLevel(Metric::kHeap, 100 * figures.heap_used / figures.heap_limit);
    out->SetLevel(Metric::kHeapUsed, figures.heap_used);
  }

  // `ping`: the loop does not wait, and is about to be asked.
  void SetDelay(uint64_t now, bool ping, Readings* out) {
    Heartbeat* beat = &environment_->heartbeat;
    // While an answer is pending, the delay is at least the time waited so far.
    const uint64_t waited = beat->outstanding() ? now - beat->sent : 0;
    const uint64_t delay = std::max(waited, beat->delay);
    // Nothing is known before the first question has been open for a while. The next read has its answer, if any.
    if (ping && !std::exchange(known_, true)) return;
    beat->delay = 0;
    out->SetLevel(Metric::kEventLoopDelay, ToMilliseconds(delay));
  }

  void SetUtilizationByHeartbeat(uint64_t now, Readings* out) {
    const LoopFigures& figures = environment_->figures;
    if (figures.at == 0) return;
    if (figures.idle_ms != figures.idle_ms) {
      (*out)[Metric::kEventLoopUtilization].state = Reading::kUnavailable;
      out->failure.Set("this runtime does not count the time that its event loop waits");
      return;
    }
    // If the loop has not answered since, it has been busy all that time.
    SetUtilization(environment_->figures_wanted ? now : figures.at, figures.idle_ms * 1e6, out);
  }

  void SetUtilization(uint64_t at, double idle, Readings* out) {
    const double until = ToNumber(at - environment_->heartbeat.still);
    double busy = until - idle + ahead_;
    if (busy < busy_ - kClocksParted) ahead_ += busy_ - busy;
    busy_ = std::max(busy_, busy);
    until_ = std::max(until_, until);
    SetPair(Metric::kEventLoopUtilization, busy_, until_, out);
  }

  Environment* const environment_;
  MetricMask pending_ = 0;
  uint64_t used_;       // which figures of the heap were used already
  bool known_ = false;  // whether there was a question yet
  double ahead_ = 0;    // how far the loop's clock has gone on alone
  double busy_ = 0;
  double until_ = 0;
};

}  // namespace

Probe* MakeLoopProbe(Environment* environment) { return new LoopProbe(environment); }

void Environment::DiscountGap(uint64_t gap, uint64_t now) {
  uint64_t busy = 0;
  if (heartbeat.outstanding()) {
    busy = std::min(gap, now - heartbeat.sent);
    heartbeat.sent += busy;
  }
  if (look.idle != 0) {
    const IdleLook after = idle_clock.Look();
    const uint64_t passed = after.at - look.at;
    const uint64_t waited = std::min(passed, after.idle - look.idle);
    // A loop that waited meanwhile has had that time counted.
    busy = passed - waited > gap / 2 ? std::min(gap, passed - waited) : 0;
    look = after;
  }
  heartbeat.still += busy;
}

}  // namespace tripline
