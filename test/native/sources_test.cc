// Which sources and feeds there are, and for how long they are kept after their last use.
#include "sampler/sources.h"

#include <cstring>

#include "monitor_world.h"

using namespace tripline;
using namespace tripline::test;

namespace {

struct Kept {
  Mutex lock;
  Sources sources{MakeLevel, &lock, Nothing, nullptr};
  uint64_t now = 1000 * kSecond;
  Failure why;

  Kept() {
    failing = missing = false;
    sources.set_swept(true);
  }
  Source* Find(const char* name = "", bool must_exist = true) {
    Selector selector;
    selector.name = name;
    return sources.Find(Metric::kDisk, selector, now, must_exist, &why);
  }
  Feed* Use(const char* name = "") { return sources.FindFeed(Find(name), Metric::kDisk, 0); }
  size_t SweptAfter(uint64_t time) {
    now += time;
    if (sources.has_unused()) sources.Sweep(now);
    return sources.all().size();
  }
};

}  // namespace

TEST(SourcesAreKeptForASecondAfterTheirLastUse) {
  Kept kept;
  const int before = probes;
  Feed* feed = kept.Use();
  CHECK(!kept.sources.has_unused());
  kept.sources.Drop(feed, kept.now);
  CHECK_EQ(kept.sources.feeds().size(), 0u);
  CHECK(kept.sources.has_unused());
  CHECK_EQ(kept.SweptAfter(kSecond - 1), 1u);
  CHECK_EQ(probes, before + 1);
  CHECK_EQ(kept.SweptAfter(1), 0u);
  CHECK_EQ(probes, before);
  CHECK(!kept.sources.has_unused());
}

TEST(SourcesThatAreUsedAgainAreNotSwept) {
  Kept kept;
  const Source* source = kept.Find();
  Feed* feed = kept.Use();
  Feed* other = kept.Use("/other");
  // Another feed of a source that is in use changes nothing about its keeping.
  Feed* wide = kept.sources.FindFeed(kept.Find(), Metric::kDisk, kSecond);
  CHECK(!kept.sources.has_unused());
  kept.sources.Drop(wide, kept.now);
  CHECK(!kept.sources.has_unused());
  kept.sources.Drop(feed, kept.now);
  kept.sources.Drop(other, kept.now);
  feed = kept.Use();
  CHECK(feed->source == source);
  CHECK(kept.sources.has_unused());
  CHECK_EQ(kept.SweptAfter(2 * kSecond), 1u);
  CHECK(!kept.sources.has_unused());
  CHECK(kept.Find() == source);
  // One that has been made, but has no feed yet, is not unused.
  kept.Use("/third");
  CHECK(!kept.sources.has_unused());
  kept.sources.Drop(feed, kept.now);
  CHECK_EQ(kept.SweptAfter(kSecond - 1), 2u);
  CHECK_EQ(kept.SweptAfter(1), 1u);
}

TEST(SourcesAreSweptTogether) {
  Kept kept;
  Feed* feeds[] = {kept.Use("/a"), kept.Use("/b"), kept.Use("/c")};
  for (Feed* each : feeds) kept.sources.Drop(each, kept.now);
  CHECK_EQ(kept.SweptAfter(kSecond / 2), 3u);
  kept.sources.SweepAll();
  CHECK_EQ(kept.sources.all().size(), 0u);
  CHECK(!kept.sources.has_unused());
}

TEST(SourcesThatNothingSweepsEndWithTheirLastFeed) {
  Kept kept;
  kept.sources.set_swept(false);
  kept.sources.Drop(kept.Use(), kept.now);
  CHECK_EQ(kept.sources.all().size(), 0u);
  CHECK(!kept.sources.has_unused());
}

TEST(SourcesThatMayNotBeKeptEndWithTheirLastFeed) {
  Kept kept;
  missing = true;
  // It may come later.
  Source* source = kept.Find("", false);
  CHECK(source != nullptr);
  kept.sources.Drop(kept.sources.FindFeed(source, Metric::kDisk, 0), kept.now);
  CHECK_EQ(kept.sources.all().size(), 0u);
  CHECK(!kept.sources.has_unused());
}

TEST(SourcesThatMustExistAndDoNotAreNotMade) {
  Kept kept;
  missing = true;
  CHECK(kept.Find() == nullptr);
  CHECK_EQ(std::strcmp(kept.why.text, "scripted absence"), 0);
  CHECK_EQ(kept.sources.all().size(), 0u);
}

TEST(SourcesHaveAFeedPerMetricAndWindow) {
  Kept kept;
  Source* source = kept.Find();
  const auto feed = [&](Metric metric, uint64_t window) { return kept.sources.FindFeed(source, metric, window); };
  const Feed* own = feed(Metric::kCpu, 0);
  // That of the metric, given explicitly.
  CHECK(feed(Metric::kCpu, 500 * kMillisecond) == own);
  const Feed* wide = feed(Metric::kCpu, 2 * kSecond);
  CHECK(wide != own);
  CHECK(feed(Metric::kCpu, 2 * kSecond) == wide);
  CHECK(feed(Metric::kCpuHost, 0) != own);
  CHECK_EQ(source->feeds.size(), 3u);
}
