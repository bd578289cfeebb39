// A probe in use, shared by every feed that reads it. Where the probe may block, it is read by a helper thread of
// its own, and a read that does not come back costs the sampler nothing.
#pragma once

#include <cstdint>
#include <memory>

#include "port/platform.h"
#include "port/probe.h"
#include "util/list.h"

namespace tripline {

class Feed;
class SlowRead;

class Source {
 public:
  // `lock` and `waiter` are the sampler's; a helper thread takes and wakes them when it is done.
  // It serves the family of `metric`; alone that metric where this system never has it.
  Source(Metric metric, const Selector& selector, std::unique_ptr<Probe> probe, Mutex* lock, void (*wake)(void*),
         void* argument);
  ~Source();
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  bool Matches(Metric metric, const Selector& selector) const;
  bool blocking() const { return slow_ != nullptr; }

  // Reads at once. Only where blocking() is false.
  void Read(uint64_t now, MetricMask wanted, Readings* out);

  // Asks the helper thread for a read; nothing happens while the one before is still out. Only where
  // blocking() is true.
  void Request(uint64_t now, MetricMask wanted);

  // True once for each read that came back, or that is overdue: then every metric in `wanted` is unavailable.
  bool Take(uint64_t now, MetricMask* wanted, Readings* out);

  // When the outstanding read will be overdue; kNever where there is none.
  uint64_t OverdueAt() const;

  // What the probe says of itself; the last answer while a helper thread has the probe.
  const char* Origin(Metric metric);
  double MaxSlope(Metric metric) const;
  uint64_t MinPeriod(Metric metric) const;

  // Whether it may be kept for the next user: not where a helper thread or one environment is involved, nor once
  // something was unavailable, which making it anew might mend.
  bool keepable() const { return slow_ == nullptr && environment_ == nullptr && healthy_; }

  List<Feed*> feeds;
  uint64_t unused_since = 0;  // while `feeds` is empty
  MetricMask silent = 0;      // those for which the kernel has refused to push

 private:
  const Metric metric_;
  const int64_t pid_;
  const bool tree_;
  const Environment* const environment_;
  std::unique_ptr<char[]> name_;
  std::unique_ptr<Probe> probe_;
  SlowRead* slow_ = nullptr;  // deletes itself; see source.cc
  bool healthy_ = true;
};

// Stands in for a probe that could not be made: unavailable, and tried again about once a second where this
// system can have the metric.
std::unique_ptr<Probe> MakeAbsentProbe(Metric metric, const Selector& selector, const Failure& why);

}  // namespace tripline
