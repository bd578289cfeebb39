#include "sampler/requests.h"

#include <algorithm>

#include "sampler/environment.h"
#include "sampler/feed.h"

namespace tripline {
namespace {

bool IsFresh(const Feed& feed, uint64_t since) {
  const Value& value = feed.series.now();
  if (value.state != Value::kUnknown && value.at >= since) return true;
  // A counter that does not move never yields a share, so waiting ends after slightly more than a window.
  const uint64_t window = feed.series.window();
  return feed.last_read >= since + window + window / 4;
}

}  // namespace

void Requests::Answer() {
  for (size_t i = requests_.size(); i-- > 0;) {
    const Request& each = requests_[i];
    const bool fresh = std::all_of(each.feeds.begin(), each.feeds.end(),
                                   [&each](const Feed* feed) { return IsFresh(*feed, each.since); });
    if (!fresh) continue;
    each.environment->Answer(each.number);
    Remove(i);
  }
}

void Requests::Forget(Feed* feed) {
  for (Request& each : requests_) {
    // It may wait for the same one several times.
    for (size_t before = 0; before != each.feeds.size();) {
      before = each.feeds.size();
      EraseUnordered(&each.feeds, feed);
    }
  }
}

void Requests::RemoveEnvironment(const Environment* environment) {
  for (size_t i = requests_.size(); i-- > 0;) {
    if (requests_[i].environment == environment) Remove(i);
  }
}

void Requests::Remove(size_t place) {
  std::swap(requests_[place], requests_.back());
  requests_.pop_back();
}

}  // namespace tripline
