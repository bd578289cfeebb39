// When a feed is read next, which limits its values step, and what the evidence of a breach keeps.
#include "sampler/feed.h"

#include <cstring>

#include "monitor_world.h"

using namespace tripline;
using namespace tripline::test;

namespace {

LimitSpec Above(double line, uint64_t dwell = 0) { return {line, line * 0.9, dwell, 0, true}; }

}  // namespace

TEST(FeedStepsTheLimitsThatRemain) {
  World world;
  const uint32_t low = world.Add(kFlag, Above(10), kSecond);
  const uint32_t middle = world.Add(kFlag + 1, Above(50), kSecond);
  world.Add(kFlag + 2, Above(80), kSecond);
  // The last one takes the place of the first.
  world.monitor.RemoveGuard(low);
  level = 60;
  world.Run(2 * kSecond);
  CHECK(world.State(kFlag + 1) == LimitState::kBreached);
  CHECK(world.State(kFlag + 2) == LimitState::kClear);
  level = 90;
  world.Run(2 * kSecond);
  CHECK(world.State(kFlag + 2) == LimitState::kBreached);
  world.monitor.RemoveGuard(middle);
  level = 20;
  world.Run(2 * kSecond);
  CHECK(world.State(kFlag + 2) == LimitState::kClear);
  level = 90;
  world.Run(2 * kSecond);
  CHECK(world.State(kFlag + 2) == LimitState::kBreached);
  CHECK(world.State(kFlag + 1) == LimitState::kBreached);
}

TEST(FeedForgetsTheLimitsThatAreGoneFromTheirNewPlaces) {
  World world;
  const uint32_t first = world.Add(kFlag, Above(10), kSecond);
  world.Add(kFlag + 1, Above(50), kSecond);
  const uint32_t last = world.Add(kFlag + 2, Above(80), kSecond);
  world.monitor.RemoveGuard(first);
  world.monitor.RemoveGuard(last);
  level = 90;
  world.Run(2 * kSecond);
  CHECK(world.State(kFlag + 1) == LimitState::kBreached);
  CHECK(world.State(kFlag + 2) == LimitState::kClear);
  level = 10;
  world.Run(2 * kSecond);
  CHECK(world.State(kFlag + 1) == LimitState::kClear);
}

TEST(FeedIsReadAsOftenAsTheGuardsThatRemainAskFor) {
  for (const bool fixed : {false, true}) {
    World world;
    min_period_ms = 10;
    const auto add = [&](uint64_t time) { return world.Add(kFlag, Above(80), fixed ? 0 : time, 0, fixed ? time : 0); };
    add(8 * kSecond);
    world.Run(20 * kSecond);
    CHECK(world.monitor.next_due() - world.feed()->last_read > 7 * kSecond);
    const uint32_t fast = add(100 * kMillisecond);
    CHECK(world.monitor.next_due() <= world.now + 100 * kMillisecond);
    world.Run(kSecond);
    world.monitor.RemoveGuard(fast);
    // From the next read on.
    world.Run(kSecond);
    CHECK(world.monitor.next_due() - world.feed()->last_read > 7 * kSecond);
  }
}

TEST(FeedOfALimitBelowClearsAtExactlyItsLine) {
  World world;
  level = 50;
  world.Add(kFlag, LimitSpec{20, 25, 0, 0, false}, kSecond);
  world.Run(2 * kSecond);
  level = 10;
  world.Run(2 * kSecond);
  CHECK(world.State() == LimitState::kBreached);
  level = 25;
  world.Run(2 * kSecond);
  CHECK(world.State() == LimitState::kClear);
}

// A level that may move by 100 per second, and may be read often.
void MoveFast(World* world) {
  min_period_ms = 10;
  slope = 100;
  level = 50;
  world->now += kSecond;
  world->Subscribe(Metric::kDisk);
}

TEST(FeedIsReadWhenItsNearestLineCouldBeCrossed) {
  World world;
  MoveFast(&world);
  // 20 below its line, at 100 per second.
  world.Add(kFlag, Above(70), kSecond);
  world.Run(kSecond);
  const auto period = [&] {
    world.now = world.monitor.next_due();
    world.monitor.Pass(world.now, 1);
    return world.feed()->due - world.feed()->last_read;
  };
  // Aligned, by a tenth at most.
  const auto is_near = [&](uint64_t expected) {
    const uint64_t actual = period();
    return actual <= expected && actual >= expected - expected / 10;
  };
  CHECK(is_near(200 * kMillisecond));
  // A farther line changes nothing, before or behind the nearest.
  world.Add(kFlag + 1, Above(95), kSecond);
  CHECK(is_near(200 * kMillisecond));
  world.Add(kFlag + 2, Above(60), kSecond);
  CHECK(is_near(100 * kMillisecond));
  // Nor does one that has been crossed, and waits.
  world.Add(kFlag + 3, Above(40, 100 * kSecond), kSecond);
  CHECK(is_near(100 * kMillisecond));
  CHECK(world.State(kFlag + 3) == LimitState::kPending);
  // A busy machine is slower, though never beyond what its guards allow.
  world.now = world.monitor.next_due();
  world.monitor.Pass(world.now, 30);
  CHECK(world.feed()->due - world.feed()->last_read >= 270 * kMillisecond);
  CHECK(world.feed()->due - world.feed()->last_read <= 300 * kMillisecond);
}

TEST(FeedAtItsLineIsReadAsSoonAsItsSourceAllows) {
  World world;
  MoveFast(&world);
  world.Add(kFlag, Above(50), kSecond);
  world.Run(kSecond);
  CHECK(world.State() == LimitState::kClear);
  CHECK_EQ(world.feed()->due - world.feed()->last_read, 10 * kMillisecond);
}

TEST(FeedWhoseFastestMoveIsKnownRestsTenSecondsAtMost) {
  World world;
  ceiling = 1;
  level = 5;
  world.now += kSecond;
  world.Subscribe(Metric::kDisk);
  world.Add(kFlag, Above(80), kSecond);
  // The line is 75 s away, or 6 s.
  world.Run(20 * kSecond);
  CHECK(world.feed()->due - world.feed()->last_read <= 10 * kSecond);
  CHECK(world.feed()->due - world.feed()->last_read >= 9 * kSecond);
  level = 74;
  world.Run(20 * kSecond);
  CHECK(world.feed()->due - world.feed()->last_read <= 6 * kSecond);
  CHECK(world.feed()->due - world.feed()->last_read >= 5 * kSecond);
}

TEST(FeedOfARateIsReadAtTheUsualPeriod) {
  World world(Metric::kNetworkRx);
  world.Add(kFlag, Above(1e9), 100 * kMillisecond);
  world.RunBusy(2 * kSecond, 1);
  CHECK(world.feed()->series.now().state == Value::kKnown);
  CHECK(world.feed()->due - world.feed()->last_read <= 100 * kMillisecond);
}

TEST(FeedThatIsReadAgainHasItsWindowsBack) {
  World world(Metric::kCpu);
  world.monitor.SetPeriod(world.series, 100 * kMillisecond);
  world.RunBusy(2 * kSecond, 0.5);
  world.monitor.SetPeriod(world.series, kNever);
  world.RunBusy(10 * kSecond, 0.5);
  // Now with a period of several windows.
  world.monitor.SetPeriod(world.series, 2 * kSecond);
  world.RunBusy(10 * kSecond, 1);
  CHECK_NEAR(world.feed()->series.now().value, 100, 1);
}

TEST(FeedIsNotReadLaterThanADwellEnds) {
  for (const uint64_t dwell : {30 * kMillisecond, 100 * kMillisecond}) {
    World world;
    min_period_ms = 100;
    const uint32_t other = world.Subscribe(Metric::kCpu);
    world.Add(kFlag, Above(80, dwell), 50 * kMillisecond);
    level = 95;
    while (world.State() == LimitState::kClear) world.Run(100 * kMillisecond);
    const uint64_t read = world.feed()->last_read;
    CHECK(world.State() == LimitState::kPending);
    CHECK_EQ(world.feed()->due, read + 100 * kMillisecond);
    // A read as fast as its source allows may wait for another, unless a dwell has ended before.
    CHECK_EQ(world.feed()->patience(), dwell < 100 * kMillisecond ? 0 : 25 * kMillisecond);
    world.monitor.Unsubscribe(other, world.now);
  }
}

TEST(FeedKeepsTheEvidenceOfItsCrossing) {
  World world;
  const uint32_t guard = world.Add(kFlag, LimitSpec{80, 72, 0, 10 * kSecond, true}, kSecond);
  level = 10;
  world.Run(3 * kSecond);
  origin = "first";
  level = 95;
  world.Run(2 * kSecond);
  const auto crossing = world.monitor.EvidenceOf(guard, world.now);
  CHECK_EQ(crossing.size(), 1u);
  CHECK(crossing[0].breached);
  CHECK_EQ(crossing[0].evidence.block, 0u);
  const uint32_t count = crossing[0].evidence.recent_count;
  CHECK(count > 1);
  CHECK_NEAR(crossing[0].evidence.recent[count - 1], 95, 0);
  // What comes later does not count.
  origin = "second";
  level = 20;
  world.Run(2 * kSecond);
  CHECK(world.State() == LimitState::kClearing);
  const auto later = world.monitor.EvidenceOf(guard, world.now);
  CHECK_EQ(later[0].evidence.origin, "first");
  CHECK_EQ(later[0].evidence.recent_count, count);
  CHECK_NEAR(later[0].evidence.recent[count - 1], 95, 0);
  origin = "script";
}

TEST(FeedKeepsTheWholeOrigin) {
  World world;
  // As long as a block of memory, so that a text without its end would go on behind it.
  origin = "/sys/class/net/eth0/abcd";
  CHECK_EQ(std::strlen(origin), 24u);
  const uint32_t guard = world.Add(kFlag, Above(80), kSecond);
  level = 95;
  world.Run(2 * kSecond);
  CHECK_EQ(world.monitor.EvidenceOf(guard, world.now)[0].evidence.origin, "/sys/class/net/eth0/abcd");
  origin = "script";
}
