// A feed: one series, the limits and readers that use it, and when it is read next.
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

// Slightly less than a tenth. This runs for every feed in every pass, where a division would cost more than all the
// rest.
constexpr uint64_t Tenth(uint64_t time) { return (time >> 4) + (time >> 5); }

// One environment's use of a feed: a cell on its board, and the period that its readers ask for.
struct Subscription {
  Environment* environment;
  Feed* feed;
  uint32_t cell;
  uint64_t period;  // of its readers; kNever if only guards use it
};

class Feed {
 public:
  // A feed without a source belongs to one simulated guard, which supplies its values; nothing reads it.
  Feed(Metric metric, uint64_t window, Source* source) : source(source), series(metric, window) {}

  // Adds a reading to the series, writes the boards and steps the limits. Guards with a changed limit are appended to
  // `dirty`.
  void Settle(const Reading& reading, const Failure& failure, uint64_t now, List<Guard*>* dirty);

  void AddLimit(GuardLimit* limit);
  void RemoveLimit(GuardLimit* limit);
  bool watched() const { return !limits_.empty(); }

  // Advances one limit by the newest value. True if its guard has to be judged again.
  bool StepOne(GuardLimit* limit, uint64_t now);

  // Settles what is pending without waiting for its time: nothing will be read again before it is too late.
  void Rush(uint64_t now, List<Guard*>* dirty);
  // Whether any limit is crossed.
  bool breached() const;

  // Computes `due` from the newest value. `stretch` (1 or more) lengthens adaptive periods.
  void Schedule(double stretch);

  // Reads share wake-ups, because a wake-up costs more than a read. A read at the requested period may be a tenth of it
  // early; a read at the source's minimum period must not be early, but may be a quarter late.
  uint64_t slack() const { return due == kNever || clamped_ ? 0 : Tenth(due - last_read); }
  uint64_t patience() const { return due == kNever || !clamped_ ? 0 : (due - last_read) / 4; }

  void PublishTo(const Subscription& subscription) const;

  // Moves the next read to now, or to the earliest time that the source's minimum period allows.
  void Hurry(uint64_t now);

  // The fields that every pass reads come first, in one cache line with the metric.
  uint64_t due = kNever;
  uint64_t last_read = 0;
  Source* const source;

 private:
  bool clamped_ = false;  // whether the source's minimum period alone decides `due`

 public:
  Series series;
  List<Subscription*> subscriptions;

  // The kernel's push triggers. Owned here; the sampler waits on them.
  List<std::unique_ptr<PushTrigger>> push_triggers;
  bool rings = false;   // whether triggers were requested, successfully or not
  double rings_at = 0;  // the line that they were requested for

 private:
  // The shortest time in which the value could reach the nearest line; kNever if it cannot.
  uint64_t TimeToLine() const;
  // The longest period that the guards allow at that distance from the nearest line.
  uint64_t LongestPeriod(uint64_t time_to_line) const;
  void Step(GuardLimit* limit, uint64_t now, List<Guard*>* dirty);
  // Asks for the stacks that limits want, or has the next read do that.
  void AskForStacks();
  const char* KeepOrigin();
  void CountDemand(const GuardSpec& spec);
  void FindDemand();

  // The bands of the limits are in an array of their own, because most samples need nothing else.
  List<Band> bands_;
  List<GuardLimit*> limits_;
  double distance_ = 0;          // from the newest value to the nearest edge of a band
  bool rested_ = false;          // it has had no limit and no reader since its last read
  uint64_t dwell_end_ = kNever;  // the earliest end of a limit's dwell
  bool stacks_ = false;          // whether a limit wants stacks, or did
  bool demand_known_ = true;     // whether the next two are those of limits_
  uint64_t within_ = kNever;
  uint64_t interval_ = kNever;
  List<std::unique_ptr<char[]>> origins_;
};

}  // namespace tripline
