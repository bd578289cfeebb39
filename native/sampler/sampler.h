// The sampler: one background thread per process, whoever asks. It reads what is due, decides whether a limit is
// crossed, and tells an environment only of edges.
//
// Every public method may be called on any JavaScript thread; each takes the one lock. The sampling thread holds it
// for a pass (microseconds) and never while it waits; sources that may block are read without it (source.h).
#pragma once

#include <cstdint>
#include <memory>

#include "port/platform.h"
#include "sampler/environment.h"
#include "sampler/feed.h"
#include "sampler/guard.h"
#include "sampler/host.h"
#include "sampler/push_triggers.h"
#include "sampler/recorder.h"
#include "sampler/source.h"
#include "sampler/ticker.h"
#include "util/list.h"

namespace tripline {

// What AddGuard takes; `subscription` says on which series.
struct LimitRequest {
  uint32_t subscription;
  LimitSpec spec;
  OnMissing on_missing;
};

struct SamplerStats {
  bool running;
  uint64_t wakeups;
  uint64_t rings;  // of push_triggers
  uint64_t reads;
  uint64_t cpu;    // of the thread and those before it, nanoseconds
  double stretch;  // by how much the governor lengthens periods now; 1 is not at all
  uint32_t guards;
  uint32_t limits;
  uint32_t series;
  uint32_t tickers;
  Punctuality punctuality;  // of the thread
};

struct SubscriptionInfo {
  uint64_t period = kNever;  // to the next read
  uint64_t min_period = 0;   // what the source can tell
  char origin[512] = {};
  Failure failure;
};

// One limit's part in a guard's latest breach.
struct EvidenceCopy {
  uint32_t limit;
  bool breached;  // still
  Evidence evidence;
};

// What an environment has not been told.
struct News {
  List<uint32_t> guards;
  List<uint32_t> answers;
  bool beat;  // the sampler waits for a sign of life
};

class Sampler : private Host {
 public:
  // The one of this process; made with the first call and never destroyed.
  static Sampler* Get();

  // Closes all that the environment has left open. No notification comes afterwards.
  void RemoveEnvironment(Environment* environment) EXCLUDES(lock_);
  void AttachBoard(Environment* environment, int32_t* words, size_t count) EXCLUDES(lock_);

  // Interest in a series; ids are never 0. A probe that cannot block is read once, so that a level is known when this
  // returns. 0 with `why` where the metric is unavailable and `must_exist`.
  uint32_t Subscribe(Environment* environment, Metric metric, const Selector& selector, uint64_t window, uint32_t cell,
                     bool must_exist, Failure* why) EXCLUDES(lock_);
  void Unsubscribe(uint32_t subscription) EXCLUDES(lock_);
  // The longest time between two reads that readers of this subscription accept; kNever for no readers.
  bool SetPeriod(uint32_t subscription, uint64_t period, Failure* why) EXCLUDES(lock_);

  // The guard's state is on the board when this returns, as far as it can be known without waiting. 0 with `why` when
  // the thread cannot be started.
  uint32_t AddGuard(Environment* environment, const GuardSpec& spec, const LimitRequest* limits, uint32_t count,
                    Failure* why) EXCLUDES(lock_);
  void RemoveGuard(uint32_t guard) EXCLUDES(lock_);

  // Asks for an answer (environment.h) once every one of these subscriptions has been read anew.
  bool Request(Environment* environment, uint32_t request, const uint32_t* subscriptions, uint32_t count, Failure* why)
      EXCLUDES(lock_);

  // The evidence of the guard's latest breach. `origin` stays valid while the guard does.
  List<EvidenceCopy> EvidenceOf(uint32_t guard) EXCLUDES(lock_);

  // All that `environment` has not been told; it is forgotten here.
  News Drain(Environment* environment) EXCLUDES(lock_);

  // The environment's sign of life: how long its loop has been idle in all, and how full its heap is in percent.
  void TakeHeartbeat(Environment* environment, double idle_ms, double heap) EXCLUDES(lock_);

  SubscriptionInfo InfoOf(uint32_t subscription) EXCLUDES(lock_);

  // Whether the kernel would push `metric` here; tries it. False with why not.
  bool CanPush(Metric metric, Failure* why) EXCLUDES(lock_);

  // What else keeps time on the thread.
  Tickers& tickers() { return tickers_; }
  Recorders& recorders() { return recorders_; }

  SamplerStats Stats() EXCLUDES(lock_);

 private:
  friend class SamplerBench;  // bench/sampler/native.cc runs passes by hand to time them

  // Numbers for things, as JavaScript holds them; 0 is none.
  template <typename T>
  class Table {
   public:
    uint32_t Add(std::unique_ptr<T> item) {
      count_++;
      if (free_.empty()) {
        items_.push_back(std::move(item));
        return static_cast<uint32_t>(items_.size());
      }
      const uint32_t id = free_.back();
      free_.pop_back();
      items_[id - 1] = std::move(item);
      return id;
    }
    T* Get(uint32_t id) const { return id == 0 || id > items_.size() ? nullptr : items_[id - 1].get(); }
    void Remove(uint32_t id) {
      items_[id - 1] = nullptr;
      free_.push_back(id);
      count_--;
    }
    uint32_t count() const { return count_; }
    uint32_t end() const { return static_cast<uint32_t>(items_.size()) + 1; }

   private:
    List<std::unique_ptr<T>> items_;
    List<uint32_t> free_;
    uint32_t count_ = 0;
  };

  struct Outstanding {
    Environment* environment;
    uint32_t request;
    uint64_t since;
    List<Feed*> feeds;
  };

  Sampler() = default;

  static void ThreadBody(void* self);
  // For Source, which holds the lock.
  static void WakeFromHelper(void* self);
  void Loop() EXCLUDES(lock_);
  void FollowRealTime() REQUIRES(lock_);

  Mutex* lock() override RETURN_CAPABILITY(lock_) { return &lock_; }
  bool EnsureThread(Failure* why) override REQUIRES(lock_);
  void WakeBy(uint64_t due) override REQUIRES(lock_);
  Feed* FeedOf(uint32_t subscription) override REQUIRES(lock_);

  bool Idle() const REQUIRES(lock_);

  uint64_t Pass(uint64_t now) REQUIRES(lock_);
  void ReadSource(Source* source, uint64_t now, MetricMask wanted) REQUIRES(lock_);
  void SettleAll(Source* source, MetricMask answered, uint64_t now) REQUIRES(lock_);
  void JudgeDirty(uint64_t now) REQUIRES(lock_);
  void AnswerRequests() REQUIRES(lock_);
  void NoticeGaps(uint64_t now) REQUIRES(lock_);
  void Govern(uint64_t now) REQUIRES(lock_);
  uint64_t NextDue() const REQUIRES(lock_);
  // After demand has changed or gone; lets the thread see it when it has become idle.
  void Replan() REQUIRES(lock_);

  Source* FindSource(Metric metric, const Selector& selector, bool must_exist, Failure* why) REQUIRES(lock_);
  Feed* FindFeed(Source* source, Metric metric, uint64_t window) REQUIRES(lock_);
  void DropFeedIfUnused(Feed* feed) REQUIRES(lock_);
  // Those without feeds, all of them or only those that nobody has come back for.
  void DropSources(uint64_t now, bool all) REQUIRES(lock_);
  void DropGuard(uint32_t id) REQUIRES(lock_);
  void DropSubscription(uint32_t id) REQUIRES(lock_);

  Mutex lock_;
  Waiter waiter_;
  PushTriggers push_triggers_ GUARDED_BY(lock_){&waiter_};
  bool running_ GUARDED_BY(lock_) = false;
  List<std::unique_ptr<Source>> sources_ GUARDED_BY(lock_);
  uint32_t unused_sources_ GUARDED_BY(lock_) = 0;
  List<std::unique_ptr<Feed>> feeds_ GUARDED_BY(lock_);
  Table<Subscription> subscriptions_ GUARDED_BY(lock_);
  Table<Guard> guards_ GUARDED_BY(lock_);
  List<Outstanding> outstanding_ GUARDED_BY(lock_);
  List<Guard*> dirty_ GUARDED_BY(lock_);
  List<Guard*> held_ GUARDED_BY(lock_);  // breached only because of their min_hold
  Readings readings_ GUARDED_BY(lock_);
  uint64_t suspended_ GUARDED_BY(lock_) = 0;
  uint64_t gaps_at_ GUARDED_BY(lock_) = 0;  // when gaps were looked for last
  uint64_t next_due_ GUARDED_BY(lock_) = kNever;
  uint64_t idle_since_ GUARDED_BY(lock_) = 0;
  uint64_t sleeping_until_ GUARDED_BY(lock_) = 0;  // what the thread was told last, or 0 while it is at work

  Tickers tickers_{this};
  Recorders recorders_{this};
  bool real_time_asked_ GUARDED_BY(lock_) = false;
  Punctuality punctuality_ GUARDED_BY(lock_);

  // The governor and what it tells.
  double stretch_ GUARDED_BY(lock_) = 1;
  double saved_ GUARDED_BY(lock_) = 0;  // CPU time in nanoseconds that was allowed and not used
  uint64_t governed_at_ GUARDED_BY(lock_) = 0;
  uint64_t governed_cpu_ GUARDED_BY(lock_) = 0;
  uint64_t governed_wakeups_ GUARDED_BY(lock_) = 0;
  uint64_t wakeups_ GUARDED_BY(lock_) = 0;
  uint64_t reading_wakeups_ GUARDED_BY(lock_) = 0;  // since the governor looked last
  uint64_t reads_ GUARDED_BY(lock_) = 0;
  uint64_t cpu_ GUARDED_BY(lock_) = 0;
  uint64_t cpu_before_ GUARDED_BY(lock_) = 0;  // of threads that have ended
  uint32_t limit_count_ GUARDED_BY(lock_) = 0;
};

}  // namespace tripline
