// All sources and feeds of the process: found by what they read, made when first wanted, kept for a moment afterwards.
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

  // The source of a metric; nullptr with why where there is none and it `must_exist`.
  Source* Find(Metric metric, const Selector& selector, uint64_t now, bool must_exist, Failure* why);

  // The feed of a metric; `window` 0 is the metric's own.
  Feed* FindFeed(Source* source, Metric metric, uint64_t window);

  // Drops a feed, and its source where that has no other and is not worth keeping, or nothing sweeps.
  void Drop(Feed* feed, uint64_t now);

  // Whether Sweep() is called now and then.
  void set_swept(bool swept) { swept_ = swept; }
  // Drops sources that nothing has come back for.
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
