#include "sampler/sources.h"

#include <utility>

namespace tripline {
namespace {

// A source is kept this long after its last feed, so that a loop that makes and closes guards does not open its files
// each time.
constexpr uint64_t kKeep = kSecond;

}  // namespace

Source* Sources::Find(Metric metric, const Selector& selector, uint64_t now, bool must_exist, Failure* why) {
  for (auto& each : sources_) {
    if (each->Matches(metric, selector)) return each.get();
  }
  std::unique_ptr<Source> made(new Source(metric, selector, make_, lock_, wake_, argument_));
  if (!made->Make(now, why) && must_exist) return nullptr;
  sources_.push_back(std::move(made));
  return sources_.back().get();
}

Feed* Sources::FindFeed(Source* source, Metric metric, uint64_t window) {
  const uint64_t effective = window != 0 ? window : InfoOf(metric).window_ms * kMillisecond;
  for (Feed* each : source->feeds) {
    if (each->series.metric() == metric && each->series.window() == effective) return each;
  }
  if (source->feeds.empty() && source->unused_since != 0) unused_--;
  feeds_.push_back(std::unique_ptr<Feed>(new Feed(metric, window, source)));
  source->feeds.push_back(feeds_.back().get());
  return feeds_.back().get();
}

void Sources::Drop(Feed* feed, uint64_t now) {
  Source* source = feed->source;
  EraseUnordered(&source->feeds, feed);
  source->Rest(feed->series.metric());
  EraseOwned(&feeds_, feed);
  if (!source->feeds.empty()) return;
  if (swept_ && source->keepable()) {
    source->unused_since = now;
    unused_++;
  } else {
    EraseOwned(&sources_, source);
  }
}

void Sources::Sweep(uint64_t now) {
  for (size_t i = sources_.size(); i-- > 0;) {
    const Source& each = *sources_[i];
    if (!each.feeds.empty() || now - each.unused_since < kKeep) continue;
    EraseOwned(&sources_, &each);
    unused_--;
  }
}

void Sources::SweepAll() { Sweep(kNever); }

}  // namespace tripline
