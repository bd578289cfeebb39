// All sources and feeds of the process. They are looked up by what they read, made at first use, and kept for a moment
// after the last use.
#pragma once

#include <cstdint>
#include <memory>

#include "port/platform.h"
#include "port/probe.h"
#include "sampler/feed.h"
#include "sampler/source.h"
#include "util/list.h"

namespace tripline {

// Used under the sampler's lock.
class Sources {
 public:
  // `make`, `lock`, `wake` and `argument` are handed on to every Source.
  Sources(ProbeMaker make, Mutex* lock, void (*wake)(void*), void* argument)
      : make_(make), lock_(lock), wake_(wake), argument_(argument) {}

  // The source of a metric; nullptr with `why` if there is none and `must_exist` is set.
  Source* Find(Metric metric, const Selector& selector, uint64_t now, bool must_exist, Failure* why);

  // The feed of a metric; `window` 0 is the metric's own.
  Feed* FindFeed(Source* source, Metric metric, uint64_t window);

  // Drops a feed. Its source is dropped too if it has no other feed and cannot be kept, or if nothing calls Sweep().
  void Drop(Feed* feed, uint64_t now);

  // Whether Sweep() is called regularly.
  void set_swept(bool swept) { swept_ = swept; }
  // Drops sources that have been unused for a while.
  void Sweep(uint64_t now);
  bool has_unused() const { return unused_ > 0; }
  void SweepAll();

  const List<std::unique_ptr<Source>>& all() const { return sources_; }
  const List<std::unique_ptr<Feed>>& feeds() const { return feeds_; }

 private:
  const ProbeMaker make_;
  Mutex* const lock_;
  void (*const wake_)(void*);
  void* const argument_;

  List<std::unique_ptr<Source>> sources_;
  List<std::unique_ptr<Feed>> feeds_;
  uint32_t unused_ = 0;
  bool swept_ = false;
};

}  // namespace tripline
