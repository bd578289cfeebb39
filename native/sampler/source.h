// A probe in use, shared by all feeds that read it. A probe that may block is read on a helper thread of its own, so a
// read that hangs does not delay the sampler.
#pragma once

#include <cstdint>
#include <memory>

#include "port/platform.h"
#include "port/probe.h"
#include "sampler/standstill.h"
#include "util/list.h"
#include "util/text.h"

namespace tripline {

class Feed;
class SlowRead;

// Makes the probe for a metric; nullptr with the reason in `why` if there is none. Owned by the caller.
using ProbeMaker = Probe* (*)(Metric metric, const Selector& selector, Failure* why);

// Makes the probes of this system and of the event loop.
Probe* MakeProbeOf(Metric metric, const Selector& selector, Failure* why);

// Used under the sampler's lock.
class Source {
 public:
  // Serves the family of `metric`, or that metric alone if this system never has it. A helper thread takes `lock` and
  // calls `wake` when it is done.
  Source(Metric metric, const Selector& selector, ProbeMaker make, Mutex* lock, void (*wake)(void*), void* argument);
  ~Source();
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  bool Matches(Metric metric, const Selector& selector) const;
  // The selector's fields.
  const char* name() const { return name_.get(); }
  int64_t pid() const { return pid_; }

  // Makes the probe. False with the reason in `why` if that fails; Read() then tries again now and then.
  bool Make(uint64_t now, Failure* why);

  // Whether Read() leaves its work to a helper thread.
  bool blocking() const { return slow_ != nullptr; }
  // Whether the helper thread has not come back in time: until it does, every metric is unavailable.
  bool overdue() const { return overdue_; }

  // Reads the metrics in `wanted`, and those queued while the helper thread was busy. Returns the metrics that `out`
  // has now; Take() returns the others later.
  MetricMask Read(uint64_t now, MetricMask wanted, Readings* out);

  // Returns the metrics that `out` has because the helper thread has finished or is overdue. REQUIRES: blocking().
  MetricMask Take(uint64_t now, Readings* out);

  // The environment whose loop it reads; nullptr for other sources.
  const Environment* environment() const { return environment_; }
  // Metrics of the last read whose values come later. Another read then has them.
  MetricMask pending() const { return pending_; }
  // A feed of `metric` is gone.
  void Rest(Metric metric);

  // Metrics that were requested while the helper thread was busy.
  MetricMask queued() const { return queued_; }

  // When the current read will be overdue; kNever if there is none. REQUIRES: blocking().
  uint64_t OverdueAt() const;

  // Excludes time in which the process stood still from the delay of reads and event loops.
  void Discount(const Standstill& standstill, uint64_t now);

  // What the probe reports about itself, or a default while there is no probe or a helper thread has it. `part`: the
  // part of a ratio that the value comes from.
  const char* Origin(Metric metric, uint32_t part = 0) const;
  double MaxSlope(Metric metric) const;
  double Ceiling(Metric metric) const;
  uint64_t MinPeriod(Metric metric) const;

  // Whether it can be kept for the next user. Not if it has a helper thread or belongs to one environment, nor if
  // anything was ever unavailable, which a new probe might cure. Nor if it is a tree: each command has another one,
  // with files of every process.
  bool keepable() const { return probe_ != nullptr && environment_ == nullptr && healthy_ && !tree_; }

  List<Feed*> feeds;
  uint64_t unused_since = 0;  // while `feeds` is empty
  MetricMask silent = 0;      // those for which the kernel has refused to push

 private:
  Probe* probe() const;
  void Install(std::unique_ptr<Probe> probe);
  void TryAgain(uint64_t now);
  bool MayMakeAnew() const;
  MetricMask Watched() const;
  MetricMask Note(MetricMask answered, const Readings& readings);
  MetricMask Refuse(MetricMask metrics, const char* why, Readings* out);

  const Metric metric_;
  const int64_t pid_;
  const bool tree_;
  Environment* const environment_;
  Text name_;
  const ProbeMaker make_;
  Mutex* const lock_;
  void (*const wake_)(void*);
  void* const argument_;

  std::unique_ptr<Probe> probe_;  // nullptr if `slow_` has it, or there is none
  SlowRead* slow_ = nullptr;
  Failure why_;  // why there is no probe, or no newer one
  MetricMask queued_ = 0;
  MetricMask pending_ = 0;
  MetricMask lost_ = 0;  // metrics that were unavailable at their last reading
  bool overdue_ = false;
  bool healthy_ = true;    // nothing was ever unavailable
  uint64_t retry_at_ = 0;  // the probe is not made again before
  uint64_t retry_after_;
};

}  // namespace tripline
