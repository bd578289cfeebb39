#include "sampler/loop.h"

#include "port/platform.h"
#include "sampler/environment.h"

namespace tripline {
namespace {

class LoopProbe : public Probe {
 public:
  explicit LoopProbe(Environment* environment) : environment_(environment) {}

  // Each read uses the latest answer and asks for the next one, so the heartbeat costs one turn of the event loop per
  // period.
  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    const Heartbeat& beat = environment_->heartbeat;
    if (beat.answered != 0) {
      if ((wanted & MaskOf(Metric::kEventLoopDelay)) != 0) {
        // While an answer is pending, the delay is at least the time waited so far.
        const uint64_t waited = beat.outstanding() ? now - beat.sent : 0;
        const uint64_t delay = waited > beat.delay ? waited : beat.delay;
        out->SetLevel(Metric::kEventLoopDelay, ToMilliseconds(delay));
      }
      if (Wants(wanted, Metric::kHeap)) out->SetLevel(Metric::kHeap, 100 * beat.heap_used / beat.heap_limit);
      if (Wants(wanted, Metric::kHeapUsed)) out->SetLevel(Metric::kHeapUsed, beat.heap_used);
      if ((wanted & MaskOf(Metric::kEventLoopUtilization)) != 0) SetUtilization(now, out);
    }
    if (!beat.outstanding()) environment_->AskForHeartbeat(now);
  }

  const char* Origin(Metric metric) const override {
    switch (metric) {
      case Metric::kHeap:
      case Metric::kHeapUsed: return "v8.getHeapStatistics()";
      case Metric::kEventLoopUtilization: return "performance.eventLoopUtilization()";
      default: return "heartbeat";
    }
  }

  double MaxSlope(Metric metric) const override {
    // A blocked loop's delay grows with the clock: 1000 ms per second.
    return metric == Metric::kEventLoopDelay ? 1000 : 0;
  }

 private:
  void SetUtilization(uint64_t now, Readings* out) {
    const Heartbeat& beat = environment_->heartbeat;
    Reading* reading = &(*out)[Metric::kEventLoopUtilization];
    if (beat.idle_ms != beat.idle_ms) {
      reading->state = Reading::kUnavailable;
      out->failure.Set("this runtime does not count the time that its event loop waits");
      return;
    }
    // If the loop has not answered since, it has been busy all that time.
    double until = ToNumber((beat.outstanding() ? now : beat.answered) - beat.still);
    double busy = until - beat.idle_ms * 1e6;
    if (busy < busy_) busy = busy_;
    if (until < until_) until = until_;
    busy_ = busy;
    until_ = until;
    reading->state = Reading::kKnown;
    reading->parts = 1;
    reading->num[0] = busy;
    reading->den[0] = until;
  }

  Environment* const environment_;
  double busy_ = 0;
  double until_ = 0;
};

}  // namespace

Probe* MakeLoopProbe(Environment* environment) { return new LoopProbe(environment); }

}  // namespace tripline
