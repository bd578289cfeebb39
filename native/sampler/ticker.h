// Tickers: beats on absolute deadlines, reported to JavaScript one delivery at a time. This code only counts beats that
// are late; JavaScript decides what they mean (src/schedule/backlog.ts).
#pragma once

#include <cstdint>
#include <memory>

#include "sampler/grid.h"
#include "sampler/host.h"
#include "util/list.h"
#include "util/numbered.h"

namespace tripline {

class Environment;

struct TickerSpec {
  uint64_t period;
  bool delay;      // a beat that is delivered late moves those that follow
  bool real_time;  // gives the thread real-time priority, if that is allowed
};

// One delivery of a ticker to JavaScript.
struct Tick {
  uint32_t id;
  Beats beats;  // since the last delivery
};

class Ticker {
 public:
  // The first beat comes after one period.
  Ticker(Environment* environment, const TickerSpec& spec, uint64_t now);

  Environment* environment() const { return environment_; }
  bool real_time() const { return spec_.real_time; }

  // When Beat() has to be called next; kNever while nothing is due.
  uint64_t wake() const { return wake_; }

  // Called at its wake time. True if a delivery is due; there is at most one until Take(). If the last delivery has not
  // been taken by the next beat, the ticker sleeps until Take(), which then counts the beats in between.
  bool Beat(uint64_t now);

  // Takes all beats up to now; none if the ticker is paused.
  Beats Take(uint64_t now);
  // Stops deliveries until Release(), because the body of the last one is still running. Release() takes the beats that
  // have passed since then.
  void Hold();
  Beats Release(uint64_t now);

  void SetPeriod(uint64_t period, uint64_t now);
  void Pause();
  // Continues the grid if its next beat is after `earliest`; otherwise a new grid begins there.
  void Resume(uint64_t earliest);

  uint32_t id = 0;
  bool undelivered = false;  // whether it is in its environment's list

 private:
  void Plan() { wake_ = paused_ || held_ ? kNever : grid_.next(); }

  Environment* const environment_;
  const TickerSpec spec_;
  Grid grid_;
  uint64_t wake_;
  bool paused_ = false;
  bool held_ = false;
};

// All tickers of the process.
class Tickers {
 public:
  explicit Tickers(Host* host) : host_(host) {}

  // ---- on any JavaScript thread

  // Returns 0 with `why` if the thread cannot be started.
  uint32_t Add(Environment* environment, const TickerSpec& spec, Failure* why) EXCLUDES(host_->lock());
  void Remove(uint32_t id) EXCLUDES(host_->lock());
  void SetPeriod(uint32_t id, uint64_t period) EXCLUDES(host_->lock());
  void Pause(uint32_t id) EXCLUDES(host_->lock());
  // No beat comes before `delay` is over.
  void Resume(uint32_t id, uint64_t delay) EXCLUDES(host_->lock());
  void Hold(uint32_t id) EXCLUDES(host_->lock());
  // Ends a hold and returns the beats that have passed during it.
  Beats Release(uint32_t id) EXCLUDES(host_->lock());
  // Takes up to `capacity` of the environment's deliveries; fewer mean that there are no more.
  uint32_t Take(Environment* environment, Tick* out, uint32_t capacity) EXCLUDES(host_->lock());

  // ---- for the host, which holds its lock

  // Delivers what is due; returns when to be called next.
  uint64_t Beat(uint64_t now);
  void RemoveEnvironment(const Environment* environment);
  bool empty() const {
    AssertLocked();
    return tickers_.empty();
  }
  uint32_t count() const {
    AssertLocked();
    return static_cast<uint32_t>(tickers_.size());
  }
  bool real_time() const {
    AssertLocked();
    return real_time_ > 0;
  }

 private:
  // The analysis does not know that the caller holds this lock, the one of `host_`.
  void AssertLocked() const ASSERT_CAPABILITY(host_->lock()) {}
  void Drop(uint32_t id) REQUIRES(host_->lock());

  Host* const host_;
  Numbered<Ticker> tickers_ GUARDED_BY(host_->lock());
  uint32_t real_time_ GUARDED_BY(host_->lock()) = 0;  // how many tickers request it
};

}  // namespace tripline
