// How often the sampler reads a source, over a scripted system: what its guards allow, what its values suggest, and
// what reads cost.
#include <algorithm>

#include "scripted_system/world.h"

using namespace tripline;
using tripline::test::Script;
using tripline::test::System;
using tripline::test::World;

namespace {

// The longest time between two reads since `from`, with the time until now.
uint64_t LongestGap(uint64_t from) {
  uint64_t last = from, longest = 0;
  for (const auto& each : System::reads()) {
    if (each.at < from) continue;
    longest = std::max(longest, each.at - last);
    last = each.at;
  }
  return std::max(longest, System::now() - last);
}

}  // namespace

TEST(SamplerReadsWithinWhatEachGuardAllows) {
  for (const uint64_t within : {20 * kMillisecond, 100 * kMillisecond, kSecond, 7 * kSecond}) {
    Script script;
    World world;
    const uint32_t series = world.Subscribe(Metric::kSockets, "");
    world.Guard(World::Above(series, 80), within);
    System::Run(within);
    const uint64_t from = System::now();
    // The value moves at random, by a generator that always yields the same.
    uint32_t seed = 7;
    for (int i = 0; i < 200; i++) {
      seed = seed * 1664525 + 1013904223;
      System::Of(Metric::kSockets).level = seed >> 24;
      System::Run(within / 4);
    }
    // The source's own period is 100 ms. A read that shares a wake-up may be a tenth early, and one at the source's
    // period a quarter late.
    const uint64_t period = std::max(within, 100 * kMillisecond);
    CHECK(LongestGap(from) <= period + period / 4);
    CHECK(System::ReadsOf(Metric::kSockets) >= static_cast<int>(within * 50 / (period + period / 4)));
    CHECK(System::ReadsOf(Metric::kSockets) <= static_cast<int>(within * 52 / (period - period / 8)) + 3);
  }
}

TEST(SamplerNoticesEveryCrossingWithinWhatTheGuardAllows) {
  for (uint64_t phase = 1; phase < 100; phase += 7) {
    Script script;
    World world;
    const uint32_t series = world.Subscribe(Metric::kProcessRss);
    world.Guard(World::Above(series, 80), 100 * kMillisecond);
    System::Run(kSecond + phase * kMillisecond);
    CHECK(world.state() == LimitState::kClear);
    System::Of(Metric::kProcessRss).level = 81;
    System::Run(110 * kMillisecond);
    CHECK(world.state() == LimitState::kBreached);
  }
}

TEST(SamplerReadsFasterTheNearerTheLineIs) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kProcessRss);
  System::Of(Metric::kProcessRss).slope = 100;  // per second
  world.Guard(World::Above(series, 1000), kSecond);
  // The nearest one counts, whichever came first.
  world.Guard(World::Above(series, 1e6), kSecond);
  const auto reads = [&](double level) {
    System::Of(Metric::kProcessRss).level = level;
    System::Run(2 * kSecond);
    const int before = System::ReadsOf(Metric::kProcessRss);
    System::Run(10 * kSecond);
    return static_cast<double>(System::ReadsOf(Metric::kProcessRss) - before);
  };
  // 1000 away takes 10 seconds: only `within` decides.
  CHECK_NEAR(reads(0), 10, 2);
  // 20 away takes 0.2 seconds.
  CHECK_NEAR(reads(980), 50, 6);
}

TEST(SamplerReadsALevelWithAKnownCeilingLessOftenFarFromItsLine) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kProcessRss);
  System::Of(Metric::kProcessRss).ceiling = 100;
  System::Of(Metric::kProcessRss).level = 500;
  world.Guard(World::Above(series, 1000), 100 * kMillisecond);
  System::Run(2 * kSecond);
  const uint64_t from = System::now();
  const int before = System::ReadsOf(Metric::kProcessRss);
  System::Run(50 * kSecond);
  // It is 500 away, so it cannot be reached in 5 seconds.
  CHECK_NEAR(static_cast<double>(System::ReadsOf(Metric::kProcessRss) - before), 10, 2);
  CHECK(LongestGap(from) > 4 * kSecond);
}

TEST(SamplerReadsAtAFixedIntervalWhateverTheValueIs) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kProcessRss);
  System::Of(Metric::kProcessRss).slope = 1e6;
  System::Of(Metric::kProcessRss).level = 999;
  world.Guard(World::Above(series, 1000), 0, 250 * kMillisecond);
  System::Run(2 * kSecond);
  const int before = System::ReadsOf(Metric::kProcessRss);
  System::Run(10 * kSecond);
  CHECK_NEAR(static_cast<double>(System::ReadsOf(Metric::kProcessRss) - before), 40, 1);
}

TEST(SamplerNeverReadsFasterThanTheSourceAllows) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kGpu);
  System::Of(Metric::kGpu).level = 79;
  System::Of(Metric::kGpu).slope = 1e6;
  world.Guard(World::Above(series, 80), kMillisecond);
  System::Run(30 * kSecond);
  const auto& reads = System::reads();
  CHECK(reads.size() > 20);
  for (size_t i = 1; i < reads.size(); i++) CHECK(reads[i].at - reads[i - 1].at >= kSecond);
}

TEST(SamplerFollowsTheMostDemandingGuardThatIsLeft) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kProcessRss);
  world.Guard(World::Above(series, 80), 2 * kSecond);
  const uint32_t demanding = world.Guard(World::Above(series, 80), 100 * kMillisecond);
  const auto reads = [&] {
    const int before = System::ReadsOf(Metric::kProcessRss);
    System::Run(10 * kSecond);
    return static_cast<double>(System::ReadsOf(Metric::kProcessRss) - before);
  };
  CHECK_NEAR(reads(), 100, 10);
  world.sampler->RemoveGuard(demanding);
  System::Run(kSecond);
  CHECK_NEAR(reads(), 5, 1);
}

TEST(SamplerFollowsTheShortestIntervalThatIsLeft) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kProcessRss);
  world.Guard(World::Above(series, 80), 0, 2 * kSecond);
  const uint32_t shorter = world.Guard(World::Above(series, 80), 0, 100 * kMillisecond);
  const auto reads = [&] {
    const int before = System::ReadsOf(Metric::kProcessRss);
    System::Run(10 * kSecond);
    return static_cast<double>(System::ReadsOf(Metric::kProcessRss) - before);
  };
  CHECK_NEAR(reads(), 100, 2);
  world.sampler->RemoveGuard(shorter);
  System::Run(kSecond);
  CHECK_NEAR(reads(), 5, 1);
}

TEST(SamplerReadsAProcessAtOnceWhenItIsToHurry) {
  Script script;
  World world;
  Selector selector;
  selector.pid = 4242;
  const uint32_t series = world.sampler->Subscribe(&world.environment, Metric::kProcessRss, selector, 0,
                                                   World::kFirstCell, false, &world.why);
  CHECK(world.sampler->SetPeriod(series, 10 * kSecond, &world.why));
  System::Run(3 * kSecond);
  const int before = System::ReadsOf(Metric::kProcessRss);
  world.sampler->Hurry(4243);
  System::Run(kMillisecond);
  CHECK_EQ(System::ReadsOf(Metric::kProcessRss), before);
  world.sampler->Hurry(4242);
  System::Run(kMillisecond);
  CHECK_EQ(System::ReadsOf(Metric::kProcessRss), before + 1);
  // What nothing reads is not hurried.
  CHECK(world.sampler->SetPeriod(series, kNever, &world.why));
  world.sampler->Hurry(4242);
  System::Run(kSecond);
  CHECK_EQ(System::ReadsOf(Metric::kProcessRss), before + 1);
  world.sampler->Unsubscribe(series);
}

TEST(SamplerSharesWakeUpsAmongSources) {
  Script script;
  World world;
  const Metric metrics[] = {Metric::kProcessRss, Metric::kMemory, Metric::kDisk, Metric::kSockets};
  for (const Metric each : metrics) {
    world.Guard(World::Above(world.Subscribe(each), 80), 500 * kMillisecond);
    // Each begins in a phase of its own.
    System::Run(70 * kMillisecond);
  }
  System::Run(30 * kSecond);
  const SamplerStats before = world.sampler->Stats();
  System::Run(10 * kSecond);
  const SamplerStats after = world.sampler->Stats();
  CHECK_NEAR(static_cast<double>(after.reads - before.reads), 80, 8);
  CHECK_NEAR(static_cast<double>(after.wakeups - before.wakeups), 20, 3);
}

TEST(GovernorLengthensThePeriodsOfCostlyReads) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kProcessRss);
  System::Of(Metric::kProcessRss).slope = 1000;
  System::Of(Metric::kProcessRss).level = 999;
  // Each read takes 200 us of CPU time: 20 % of a core at one read per millisecond, where half a percent is allowed.
  System::Of(Metric::kProcessRss).cpu = 200'000;
  world.Guard(World::Above(series, 1000), 100 * kMillisecond);
  System::Run(5 * kSecond);
  CHECK(world.sampler->Stats().stretch > 10);
  const int before = System::ReadsOf(Metric::kProcessRss);
  System::Run(20 * kSecond);
  const int costly = System::ReadsOf(Metric::kProcessRss) - before;
  // 0.5 % of 20 seconds pays for 500 reads. Without the governor there would be 20,000.
  CHECK(costly < 1000);
  // `within` still holds.
  CHECK(costly >= 180);
  // Once reads are cheap, it ends.
  System::Of(Metric::kProcessRss).cpu = 100;
  System::Run(20 * kSecond);
  CHECK_NEAR(world.sampler->Stats().stretch, 1, 0);
}

TEST(GovernorLeavesFixedIntervalsAlone) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kProcessRss);
  System::Of(Metric::kProcessRss).cpu = 10 * kMillisecond;
  world.Guard(World::Above(series, 1000), 0, 20 * kMillisecond);
  System::Run(5 * kSecond);
  const int before = System::ReadsOf(Metric::kProcessRss);
  System::Run(10 * kSecond);
  CHECK_NEAR(static_cast<double>(System::ReadsOf(Metric::kProcessRss) - before), 500, 2);
}

TEST(SamplerKeepsASourceForAMomentAfterItsLastUse) {
  Script script;
  World world;
  // Something else keeps the thread.
  world.Guard(World::Above(world.Subscribe(Metric::kDisk), 80));
  const uint32_t series = world.Subscribe(Metric::kSockets);
  CHECK_EQ(System::probes(), 2);
  world.sampler->Unsubscribe(series);
  System::Run(500 * kMillisecond);
  CHECK_EQ(System::probes(), 2);
  world.sampler->Unsubscribe(world.Subscribe(Metric::kSockets));
  System::Run(900 * kMillisecond);
  CHECK_EQ(System::probes(), 2);
  System::Run(kSecond);
  CHECK_EQ(System::probes(), 1);
}
