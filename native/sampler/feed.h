// A feed: one series, the limits and readers that want it, and when it is next to be read.
#pragma once

#include <cstdint>
#include <memory>

#include "port/push_trigger.h"
#include "sampler/guard.h"
#include "sampler/series.h"
#include "sampler/source.h"
#include "util/list.h"

namespace tripline {

class Environment;

// Slightly less than a tenth: a division would take longer than the rest of what is asked of every feed in every pass.
constexpr uint64_t Tenth(uint64_t time) { return (time >> 4) + (time >> 5); }

// One environment's interest in a feed: a cell on its board, and readers that want it fresh.
struct Subscription {
  Environment* environment;
  Feed* feed;
  uint32_t cell;
  uint64_t period;  // of its readers; kNever where only guards look
};

class Feed {
 public:
  // Without a source it is one guard's alone, which plays values on it, and nothing reads it.
  Feed(Metric metric, uint64_t window, Source* source) : source(source), series(metric, window) {}

  // Takes in a reading, writes the boards and runs the limits; guards with a changed limit are appended to `dirty`.
  void Settle(const Reading& reading, const Failure& failure, uint64_t now, List<Guard*>* dirty);

  void AddLimit(GuardLimit* limit);
  void RemoveLimit(GuardLimit* limit);
  bool watched() const { return !limits_.empty(); }

  // Brings one limit up to date with the newest value, as when it is new. True where its guard may judge differently.
  bool StepOne(GuardLimit* limit, uint64_t now);

  // Sets `due` from the newest value: the rate is an output. `stretch` (1 or more) lengthens the adaptive part.
  void Schedule(double stretch);

  // Reads share wake-ups, because those cost more than reads do. One at the period that was asked for may come a
  // tenth of it early; one at the minimum period of its source must not, and may come a quarter late instead.
  uint64_t slack() const { return due == kNever || clamped_ ? 0 : Tenth(due - last_read); }
  uint64_t patience() const { return due == kNever || !clamped_ ? 0 : (due - last_read) / 4; }

  // Whether values are wanted at all.
  bool wanted() const;

  void PublishTo(const Subscription& subscription) const;

  // Pulls the next read to now, as far as the source's minimum period lets it.
  void Hurry(uint64_t now);

  // What every pass looks at comes first, in one cache line with the metric.
  uint64_t due = kNever;
  uint64_t last_read = 0;
  Source* const source;

 private:
  bool clamped_ = false;  // whether `due` follows from the source's minimum period and nothing more urgent

 public:
  Series series;
  List<Subscription*> subscriptions;

  // Kernel push; owned here, watched by the sampler.
  List<std::unique_ptr<PushTrigger>> push_triggers;
  bool rings = false;   // whether they were asked for, had or not
  double rings_at = 0;  // the line that they were asked for

 private:
  // The time in which the newest value could reach the nearest line; kNever for never.
  uint64_t TimeToLine() const;
  // The longest period that guards allow where the nearest line is that far away.
  uint64_t LongestPeriod(uint64_t time_to_line) const;
  void Step(GuardLimit* limit, uint64_t now, List<Guard*>* dirty);
  const char* KeepOrigin();
  void CountDemand(const GuardSpec& spec);
  void FindDemand();

  // Limits in flat arrays: the bands are all that most samples touch.
  List<Band> bands_;
  List<GuardLimit*> limits_;
  double distance_ = 0;          // from the newest value to the nearest edge of a band
  bool rested_ = false;          // nothing has wanted it since it was read last
  uint64_t dwell_end_ = kNever;  // the earliest end of a limit's dwell
  bool demand_known_ = true;     // whether the next two hold what limits_ ask for, or more
  uint64_t within_ = kNever;
  uint64_t interval_ = kNever;
  List<std::unique_ptr<char[]>> origins_;
};

}  // namespace tripline
