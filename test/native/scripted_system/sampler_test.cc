// The sampler with its thread, by its public methods, over a scripted system: what is read when, what is judged, what
// is reported, and that nothing is left.
#include "sampler/sampler.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "check.h"
#include "scripted_system/system.h"

using namespace tripline;
using tripline::test::System;

namespace {

constexpr uint32_t kWords = 1 << 16;
constexpr uint32_t kFirstCell = 32;
constexpr uint32_t kFirstFlag = 4096;

// One environment with a board, as JavaScript has it.
struct World {
  Sampler* const sampler = Sampler::Get();
  Environment environment{Notify, this};
  std::vector<int32_t> words = std::vector<int32_t>(kWords);
  int notified = 0;
  uint32_t cells = kFirstCell, flags = kFirstFlag;
  Failure why;

  World() { sampler->AttachBoard(&environment, words.data(), words.size()); }
  ~World() { sampler->RemoveEnvironment(&environment); }

  static void Notify(void* self) { static_cast<World*>(self)->notified++; }

  uint32_t Subscribe(Metric metric, const char* name = "", uint64_t window = 0) {
    Selector selector;
    selector.name = name;
    selector.environment = &environment;
    const uint32_t made = sampler->Subscribe(&environment, metric, selector, window, cells, false, &why);
    cells += 10;
    return made;
  }

  static LimitRequest Above(uint32_t series, double enter, uint64_t dwell = 0) {
    return {series, LimitSpec{enter, enter * 0.9, dwell, 0, true}, OnMissing::kUnavailable};
  }
  // The guard's flag is that of its place in the order of all guards.
  uint32_t Guard(const LimitRequest& limit, uint64_t within = 100 * kMillisecond, uint64_t interval = 0) {
    GuardSpec spec;
    spec.within = within;
    spec.interval = interval;
    spec.flag = flags++;
    return sampler->AddGuard(&environment, spec, &limit, 1, &why);
  }
  LimitState StateAt(uint32_t place) const { return static_cast<LimitState>(words[kFirstFlag + place] & 7); }
  LimitState state() const { return StateAt(0); }

  // Fetches as JavaScript does.
  News Fetch() {
    sampler->Acknowledge(&environment);
    return sampler->Drain(&environment);
  }
};

// A test begins with a fresh script. At its end, the thread has ended and nothing is left of it.
struct Script {
  Script() { System::Reset(); }
  ~Script() {
    System::OpenDoor();
    // Longer than the thread lingers and than sources are kept.
    System::Run(5 * kSecond);
    CHECK_EQ(System::threads(), 0);
    CHECK_EQ(System::probes(), 0);
    CHECK_EQ(System::triggers(), 0);
    CHECK_EQ(System::watched(), 0);
    CHECK(!System::waiter_open());
    const SamplerStats stats = Sampler::Get()->Stats();
    CHECK(!stats.running);
    CHECK_EQ(stats.guards + stats.limits + stats.series + stats.tickers, 0u);
  }
};

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

// ---- the thread ----------------------------------------------------------------------------------------------------

TEST(SamplerRunsOnlyWhileSomethingIsWatched) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kDisk);
  CHECK(!System::waiter_open());
  const uint32_t guard = world.Guard(World::Above(series, 80));
  CHECK(guard != 0);
  System::Run(kSecond);
  CHECK(world.sampler->Stats().running);
  CHECK_EQ(System::threads(), 1);
  world.sampler->RemoveGuard(guard);
  // It stays for a moment, for a loop that makes and closes guards...
  System::Run(10 * kMillisecond);
  CHECK_EQ(System::threads(), 1);
  // ...and then ends.
  System::Run(kSecond);
  CHECK_EQ(System::threads(), 0);
  // A new user starts it again.
  world.Guard(World::Above(series, 80));
  System::Settle();
  CHECK_EQ(System::threads(), 1);
}

TEST(SamplerThatIsUsedAgainWhileItLingersStays) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kDisk);
  for (int i = 0; i < 50; i++) {
    world.sampler->RemoveGuard(world.Guard(World::Above(series, 80)));
    System::Run(20 * kMillisecond);
  }
  CHECK(world.sampler->Stats().running);
  CHECK_EQ(System::threads(), 1);
}

TEST(SamplerWithoutAThreadRefusesAndLeavesNothing) {
  for (const bool waiter : {false, true}) {
    Script script;
    World world;
    const uint32_t series = world.Subscribe(Metric::kDisk);
    (waiter ? System::refuse_waiter : System::refuse_threads) = true;
    CHECK_EQ(world.Guard(World::Above(series, 80)), 0u);
    CHECK(world.why.failed());
    CHECK(!world.sampler->SetPeriod(series, kSecond, &world.why));
    CHECK(!world.sampler->Request(&world.environment, 1, &series, 1, &world.why));
    CHECK_EQ(world.sampler->Stats().guards, 0u);
    CHECK(!System::waiter_open());
    // Once there is room, everything works.
    System::refuse_waiter = System::refuse_threads = false;
    CHECK(world.Guard(World::Above(series, 80)) != 0);
    System::Of(Metric::kDisk).level = 95;
    System::Run(kSecond);
    CHECK(world.StateAt(1) == LimitState::kBreached);
  }
}

TEST(SamplerIsWokenByWhatIsDueSooner) {
  Script script;
  World world;
  const uint32_t slow = world.Subscribe(Metric::kDisk);
  world.Guard(World::Above(slow, 80), 60 * kSecond);
  System::Run(kSecond);
  CHECK(System::deadline() > System::now() + 10 * kSecond);
  const uint32_t fast = world.Subscribe(Metric::kSockets);
  world.Guard(World::Above(fast, 80), kSecond);
  System::Settle();
  CHECK(System::deadline() <= System::now() + kSecond);
}

// ---- gaps ----------------------------------------------------------------------------------------------------------

namespace {

// A guard on the CPU, above 80, that has seen 10 % until now.
struct Calm {
  Script script;
  World world;
  uint32_t series = world.Subscribe(Metric::kCpu);
  uint32_t guard;

  Calm() {
    System::Of(Metric::kCpu).share = 0.1;
    guard = world.Guard(World::Above(series, 80));
    System::Run(5 * kSecond);
    CHECK(world.state() == LimitState::kClear);
  }
};

}  // namespace

TEST(SamplerForgetsBaselinesAfterASuspend) {
  Calm calm;
  // While the machine slept, the counter went on although the clock did not.
  System::Suspend(3600 * kSecond);
  System::Of(Metric::kCpu).jump = 2;
  System::Run(10 * kSecond);
  CHECK(calm.world.state() == LimitState::kClear);
  CHECK_EQ(calm.world.words[kFirstFlag] >> 3, 0);
  // What happens afterwards counts.
  System::Of(Metric::kCpu).share = 1;
  System::Run(2 * kSecond);
  CHECK(calm.world.state() == LimitState::kBreached);
}

TEST(SamplerTakesTheNoiseOfTheClocksForNoSuspend) {
  Script script;
  World world;
  // If each second dropped the baselines, there would never be an average over two seconds.
  world.Guard(World::Above(world.Subscribe(Metric::kCpu, "", 2 * kSecond), 80));
  System::Of(Metric::kCpu).share = 1;
  for (int i = 0; i < 20; i++) {
    System::Suspend(40 * kMillisecond);
    System::Run(kSecond);
  }
  CHECK(world.state() == LimitState::kBreached);
}

TEST(SamplerForgetsBaselinesAfterALongStandstill) {
  for (const bool interrupted : {false, true}) {
    Calm calm;
    // The busy time of others in 20 seconds without observation is no crossing.
    System::Of(Metric::kCpu).share = 1;
    System::StandStill(20 * kSecond, interrupted);
    System::Of(Metric::kCpu).share = 0.1;
    System::Run(5 * kSecond);
    CHECK_EQ(calm.world.words[kFirstFlag] >> 3, 0);
  }
}

TEST(SamplerForgetsBaselinesWhenItWasStoppedForMoreThanAWindow) {
  Calm calm;
  System::Of(Metric::kCpu).share = 1;
  System::StandStill(kSecond, true);
  System::Of(Metric::kCpu).share = 0.1;
  System::Run(5 * kSecond);
  CHECK_EQ(calm.world.words[kFirstFlag] >> 3, 0);
}

TEST(SamplerAveragesOverAShortStarvation) {
  Calm calm;
  System::Of(Metric::kCpu).share = 1;
  System::StandStill(kSecond, false);
  // Otherwise a machine that keeps starving the thread would never have an average.
  CHECK(calm.world.state() == LimitState::kBreached);
}

TEST(SamplerCountsNoStandstillWithinAPass) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kDisk);
  System::Of(Metric::kDisk).level = 95;
  world.Guard(World::Above(series, 80, 2 * kSecond));
  System::Run(kSecond);
  CHECK(world.state() == LimitState::kPending);
  // One read takes 30 seconds on the clock, as when the process is stopped in the middle of it.
  System::Of(Metric::kDisk).delay = 30 * kSecond;
  System::Run(kSecond / 2);
  System::Run(kSecond / 4);
  CHECK(world.state() == LimitState::kPending);
  System::Run(kSecond);
  CHECK(world.state() == LimitState::kBreached);
}

TEST(SamplerCountsAPassThatIsOnlySlow) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kDisk);
  System::Of(Metric::kDisk).level = 95;
  System::Of(Metric::kDisk).cost = 200 * kMillisecond;
  world.Guard(World::Above(series, 80, 2 * kSecond), 500 * kMillisecond);
  System::Run(3 * kSecond);
  CHECK(world.state() == LimitState::kBreached);
}

// ---- push triggers -------------------------------------------------------------------------------------------------

namespace {

// A limit on a metric that is polled more slowly than its source allows.
struct Pushed {
  Script script;
  World world;
  uint32_t series = world.Subscribe(Metric::kMemory);
  uint32_t Guard(double enter) { return world.Guard(World::Above(series, enter), 10 * kSecond); }
};

}  // namespace

TEST(PushTriggersMakeTheNextReadNow) {
  Pushed pushed;
  pushed.Guard(80);
  System::Run(kSecond);
  CHECK_EQ(System::watched(), 2);
  System::Of(Metric::kMemory).level = 95;
  const uint64_t rings = pushed.world.sampler->Stats().rings;
  System::Fire();
  System::Settle();
  CHECK_EQ(pushed.world.sampler->Stats().rings, rings + 2);
  CHECK(pushed.world.state() == LimitState::kBreached);
  CHECK_EQ(System::reads().back().at, System::now());
}

TEST(PushTriggersThatFireFalselyChangeNothing) {
  Pushed pushed;
  pushed.Guard(80);
  System::Run(kSecond);
  for (int i = 0; i < 10; i++) {
    System::Fire();
    System::Run(100 * kMillisecond);
  }
  CHECK(pushed.world.state() == LimitState::kClear);
  CHECK_EQ(pushed.world.notified, 0);
  // They stay armed.
  CHECK_EQ(System::watched(), 2);
}

TEST(PushTriggersAreTakenDownWithTheirLastGuard) {
  Pushed pushed;
  pushed.world.Guard(World::Above(pushed.world.Subscribe(Metric::kSockets), 80), 100 * kMillisecond);
  const uint32_t first = pushed.Guard(80);
  const uint32_t second = pushed.Guard(90);
  System::Run(kSecond);
  CHECK_EQ(System::watched(), 2);
  pushed.world.sampler->RemoveGuard(second);
  System::Settle();
  CHECK_EQ(System::watched(), 2);
  pushed.world.sampler->RemoveGuard(first);
  // The thread's wait may be about to return them: they live until it is over.
  CHECK_EQ(System::watched(), 0);
  CHECK_EQ(System::triggers(), 2);
  System::Settle();
  CHECK_EQ(System::triggers(), 0);
}

TEST(PushTriggersThatFireWhileTheyAreTakenDown) {
  Pushed pushed;
  const uint32_t other = pushed.world.Subscribe(Metric::kDisk);
  pushed.world.Guard(World::Above(other, 80));
  const uint32_t guard = pushed.Guard(80);
  System::Run(kSecond);
  const uint64_t rings = pushed.world.sampler->Stats().rings;
  // The wait has returned with them, and the guard is removed before the thread has the lock.
  System::Fire();
  pushed.world.sampler->RemoveGuard(guard);
  CHECK_EQ(System::triggers(), 2);
  System::Settle();
  CHECK_EQ(System::triggers(), 0);
  CHECK_EQ(pushed.world.sampler->Stats().rings, rings);
}

TEST(PushTriggersAreTakenDownWithTheirEnvironment) {
  Script script;
  {
    World world;
    world.Guard(World::Above(world.Subscribe(Metric::kMemory), 80), 10 * kSecond);
    System::Run(kSecond);
    CHECK_EQ(System::watched(), 2);
  }
  CHECK_EQ(System::watched(), 0);
  System::Settle();
  CHECK_EQ(System::triggers(), 0);
}

TEST(PushTriggersFollowTheNearestLine) {
  Pushed pushed;
  pushed.Guard(80);
  System::Settle();
  CHECK_EQ(System::made(), 1);
  // A farther line needs no trigger of its own, a nearer one replaces it.
  pushed.Guard(90);
  CHECK_EQ(System::made(), 1);
  pushed.Guard(70);
  CHECK_EQ(System::made(), 2);
  CHECK_NEAR(System::line(), 70, 0);
  System::Settle();
  CHECK_EQ(System::triggers(), 2);
}

TEST(PushTriggersOfLimitsThatNeedNone) {
  Pushed pushed;
  // It is polled as fast as its source allows.
  pushed.world.Guard(World::Above(pushed.series, 80), kMillisecond);
  // The kernel reports only that things get worse.
  const LimitRequest below = {pushed.series, LimitSpec{20, 22, 0, 0, false}, OnMissing::kUnavailable};
  pushed.world.Guard(below, 10 * kSecond);
  CHECK_EQ(System::made(), 0);
}

TEST(PushTriggersThatTheKernelRefusesAreNotAskedForAgain) {
  Pushed pushed;
  System::refuse_triggers = true;
  pushed.Guard(80);
  CHECK_EQ(System::made(), 1);
  pushed.Guard(70);
  pushed.Guard(60);
  CHECK_EQ(System::made(), 1);
  // Polling goes on.
  System::Of(Metric::kMemory).level = 95;
  System::Run(11 * kSecond);
  CHECK(pushed.world.state() == LimitState::kBreached);
}

TEST(PushTriggersThatCannotBeWatchedAreDestroyed) {
  Pushed pushed;
  System::refuse_watch = true;
  pushed.Guard(80);
  CHECK_EQ(System::made(), 1);
  CHECK_EQ(System::triggers(), 0);
}

TEST(PushTriggersThatTheKernelDropsAreTakenDown) {
  Pushed pushed;
  pushed.Guard(80);
  System::Run(kSecond);
  System::drop_triggers = true;
  System::Fire();
  System::Settle();
  System::Settle();
  CHECK_EQ(System::watched(), 0);
  CHECK_EQ(System::triggers(), 0);
}

TEST(PushTriggersDieWithTheThread) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kMemory);
  const uint32_t guard = world.Guard(World::Above(series, 80), 10 * kSecond);
  System::Run(kSecond);
  world.sampler->RemoveGuard(guard);
  System::Run(kSecond);
  CHECK_EQ(System::threads(), 0);
  CHECK_EQ(System::triggers(), 0);
}

// ---- how often is read ---------------------------------------------------------------------------------------------

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
  const uint32_t series = world.Subscribe(Metric::kPressureCpu);
  System::Of(Metric::kPressureCpu).share = 0.79;
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
  const uint32_t series =
      world.sampler->Subscribe(&world.environment, Metric::kProcessRss, selector, 0, kFirstCell, false, &world.why);
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

// ---- requests ------------------------------------------------------------------------------------------------------

TEST(RequestIsAnsweredWhenAllItsSourcesAreFresh) {
  Script script;
  World world;
  System::blocking = true;
  const uint32_t slow = world.Subscribe(Metric::kDisk, "/slow");
  System::blocking = false;
  const uint32_t quick = world.Subscribe(Metric::kSockets);
  System::Run(kSecond);
  System::CloseDoor();
  const uint32_t both[] = {quick, slow};
  CHECK(world.sampler->Request(&world.environment, 5, both, 2, &world.why));
  for (const uint32_t each : both) CHECK(world.sampler->SetPeriod(each, 100 * kMillisecond, &world.why));
  System::Run(kSecond);
  // The quick one was read again and again.
  CHECK(System::ReadsOf(Metric::kSockets) >= 5);
  CHECK_EQ(System::waiting(), 1);
  CHECK_EQ(world.environment.answered.size(), 0u);
  CHECK_EQ(world.notified, 0);
  System::OpenDoor();
  System::Run(50 * kMillisecond);
  CHECK_EQ(world.environment.answered.size(), 1u);
  CHECK_EQ(world.notified, 1);
  const News news = world.Fetch();
  CHECK_EQ(news.answers.size(), 1u);
  CHECK_EQ(news.answers[0], 5u);
  // Once.
  System::Run(kSecond);
  CHECK_EQ(world.environment.answered.size(), 0u);
}

TEST(RequestIsNotAnsweredByValuesFromBefore) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kDisk);
  world.sampler->SetPeriod(series, kSecond, &world.why);
  System::Run(kSecond + kSecond / 2);
  world.sampler->Request(&world.environment, 5, &series, 1, &world.why);
  System::Run(kSecond / 4);
  CHECK_EQ(world.environment.answered.size(), 0u);
  System::Run(kSecond);
  CHECK_EQ(world.environment.answered.size(), 1u);
}

TEST(RequestForAShareThatNeverMovesEndsAfterItsWindow) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kDiskLatency, "/");
  // Without operations there is no latency.
  System::Of(Metric::kDiskLatency).during = [] { System::Of(Metric::kDiskLatency).jump = 0; };
  world.sampler->SetPeriod(series, 100 * kMillisecond, &world.why);
  world.sampler->Request(&world.environment, 5, &series, 1, &world.why);
  System::Run(2 * kSecond);
  CHECK_EQ(world.environment.answered.size(), 1u);
}

TEST(RequestWhoseSubscriptionIsClosedIsAnsweredByTheOthers) {
  Script script;
  World world;
  System::blocking = true;
  const uint32_t slow = world.Subscribe(Metric::kDisk, "/slow");
  System::blocking = false;
  const uint32_t quick = world.Subscribe(Metric::kSockets);
  System::CloseDoor();
  const uint32_t both[] = {slow, quick};
  world.sampler->Request(&world.environment, 5, both, 2, &world.why);
  for (const uint32_t each : both) world.sampler->SetPeriod(each, 100 * kMillisecond, &world.why);
  System::Run(kSecond);
  CHECK_EQ(world.environment.answered.size(), 0u);
  world.sampler->Unsubscribe(slow);
  // This one may get its memory, and is not fresh.
  System::blocking = true;
  world.Subscribe(Metric::kDisk, "/other");
  System::Run(kSecond);
  CHECK_EQ(world.environment.answered.size(), 1u);
}

TEST(RequestOfAnEnvironmentThatIsGoneIsNotAnswered) {
  Script script;
  World stays;
  const uint32_t series = stays.Subscribe(Metric::kDisk);
  stays.sampler->SetPeriod(series, kSecond, &stays.why);
  {
    World goes;
    const uint32_t own = goes.Subscribe(Metric::kDisk);
    goes.sampler->Request(&goes.environment, 1, &own, 1, &goes.why);
  }
  System::Run(5 * kSecond);
  CHECK_EQ(stays.environment.answered.size(), 0u);
}

// ---- loss ----------------------------------------------------------------------------------------------------------

TEST(SamplerReportsTheLossOfAMetricAndItsReturn) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kDisk);
  const uint32_t guard = world.Guard(World::Above(series, 80));
  System::Run(kSecond);
  System::Of(Metric::kDisk).failing = true;
  System::Run(5 * kSecond);
  CHECK(world.state() == LimitState::kUnavailable);
  CHECK_EQ(world.notified, 1);
  CHECK_EQ(world.words[0], 1);
  CHECK_EQ(world.words[1], 1);
  News news = world.Fetch();
  CHECK_EQ(news.guards.size(), 1u);
  CHECK_EQ(news.guards[0], guard);
  CHECK_EQ(world.words[1], 0);
  // Nothing is reported twice.
  System::Run(5 * kSecond);
  CHECK_EQ(world.notified, 1);
  System::Of(Metric::kDisk).failing = false;
  System::Run(20 * kSecond);
  CHECK(world.state() == LimitState::kClear);
  CHECK_EQ(world.notified, 2);
  news = world.Fetch();
  CHECK_EQ(news.guards.size(), 1u);
}

TEST(SamplerTreatsALossAsTheGuardAsks) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kDisk);
  for (const OnMissing each : {OnMissing::kUnavailable, OnMissing::kIgnore, OnMissing::kBreach}) {
    LimitRequest limit = World::Above(series, 80);
    limit.on_missing = each;
    world.Guard(limit);
  }
  System::Run(kSecond);
  System::Of(Metric::kDisk).failing = true;
  System::Run(5 * kSecond);
  CHECK(world.StateAt(0) == LimitState::kUnavailable);
  CHECK(world.StateAt(1) == LimitState::kClear);
  CHECK(world.StateAt(2) == LimitState::kBreached);
  CHECK_EQ(world.Fetch().guards.size(), 2u);
}

TEST(SamplerNotifiesOnceUntilItIsAcknowledged) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kDisk);
  for (int i = 0; i < 10; i++) world.Guard(World::Above(series, 50 + i));
  System::Run(kSecond);
  for (int i = 0; i < 6; i++) {
    System::Of(Metric::kDisk).level = i % 2 == 0 ? 95 : 10;
    System::Run(kSecond);
  }
  CHECK_EQ(world.notified, 1);
  // Each guard once, however often it changed.
  CHECK_EQ(world.Fetch().guards.size(), 10u);
  System::Run(5 * kSecond);
  CHECK_EQ(world.notified, 1);
  System::Of(Metric::kDisk).level = 95;
  System::Run(kSecond);
  CHECK_EQ(world.notified, 2);
}

TEST(SamplerEndsAHoldWithoutARead) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kDisk);
  const LimitRequest limit = World::Above(series, 80);
  GuardSpec spec;
  spec.within = 60 * kSecond;
  spec.min_hold = 2 * kSecond;
  spec.flag = kFirstFlag;
  world.sampler->AddGuard(&world.environment, spec, &limit, 1, &world.why);
  // Reads on request, since the guard's own are a minute away.
  world.sampler->SetPeriod(series, 500 * kMillisecond, &world.why);
  System::Of(Metric::kDisk).level = 95;
  System::Run(kSecond / 2);
  CHECK(world.state() == LimitState::kBreached);
  System::Of(Metric::kDisk).level = 10;
  System::Run(kSecond / 2);
  world.sampler->SetPeriod(series, kNever, &world.why);
  System::Run(100 * kMillisecond);
  CHECK(world.state() == LimitState::kClearing);
  const int reads = System::ReadsOf(Metric::kDisk);
  System::Run(kSecond + kSecond / 2);
  CHECK(world.state() == LimitState::kClear);
  CHECK_EQ(System::ReadsOf(Metric::kDisk), reads);
}

// ---- closing while a read is under way -----------------------------------------------------------------------------

namespace {

// A guard on a source whose read is stuck.
struct Stuck {
  Script script;
  World world;
  uint32_t series;
  uint32_t guard;

  Stuck() {
    System::blocking = true;
    series = world.Subscribe(Metric::kDisk, "/stuck");
    guard = world.Guard(World::Above(series, 80));
    System::Run(kSecond);
    System::CloseDoor();
    System::Run(kSecond);
    CHECK_EQ(System::waiting(), 1);
  }
  // The helper returns.
  void Return() {
    System::OpenDoor();
    System::Run(kSecond);
    CHECK_EQ(System::waiting(), 0);
  }
};

}  // namespace

TEST(CloseOfAGuardWhileAReadIsUnderWay) {
  Stuck stuck;
  stuck.world.sampler->RemoveGuard(stuck.guard);
  System::Run(kSecond);
  stuck.Return();
  CHECK_EQ(stuck.world.notified, 0);
}

TEST(CloseOfASubscriptionWhileAReadIsUnderWay) {
  Stuck stuck;
  stuck.world.sampler->RemoveGuard(stuck.guard);
  stuck.world.sampler->Unsubscribe(stuck.series);
  System::Run(kSecond);
  // The sampling thread has ended; only the helper is left, with its probe.
  CHECK_EQ(System::threads(), 1);
  CHECK_EQ(System::probes(), 1);
  stuck.Return();
  CHECK_EQ(System::threads(), 0);
  CHECK_EQ(System::probes(), 0);
}

TEST(CloseOfASubscriptionWhileAReadIsUnderWayAndANewOne) {
  Stuck stuck;
  stuck.world.sampler->RemoveGuard(stuck.guard);
  stuck.world.sampler->Unsubscribe(stuck.series);
  System::OpenDoor();
  // The new source has nothing to do with the old helper's result.
  System::Of(Metric::kDisk).level = 95;
  const uint32_t series = stuck.world.Subscribe(Metric::kDisk, "/stuck");
  stuck.world.Guard(World::Above(series, 80));
  System::Run(kSecond);
  CHECK(stuck.world.StateAt(1) == LimitState::kBreached);
}

TEST(CloseOfAnEnvironmentWhileAReadIsUnderWay) {
  Script script;
  {
    World world;
    System::blocking = true;
    world.Guard(World::Above(world.Subscribe(Metric::kDisk, "/stuck"), 80));
    System::CloseDoor();
    System::Run(kSecond);
    CHECK_EQ(System::waiting(), 1);
  }
  System::Run(kSecond);
  CHECK_EQ(System::waiting(), 1);
}

TEST(ReadThatHangsMakesItsGuardUnavailableAndRecovers) {
  Stuck stuck;
  System::Run(2 * kSecond);
  CHECK(stuck.world.state() == LimitState::kUnavailable);
  // Other sources go on meanwhile.
  System::blocking = false;
  System::Of(Metric::kSockets).level = 95;
  stuck.world.Guard(World::Above(stuck.world.Subscribe(Metric::kSockets), 80));
  System::Run(kSecond);
  CHECK(stuck.world.StateAt(1) == LimitState::kBreached);
  System::Of(Metric::kDisk).level = 95;
  System::OpenDoor();
  System::Run(5 * kSecond);
  CHECK(stuck.world.state() == LimitState::kBreached);
}

TEST(ReadThatHangsWakesTheThreadForNothingElse) {
  Stuck stuck;
  const uint64_t wakeups = stuck.world.sampler->Stats().wakeups;
  System::Run(1500 * kMillisecond);
  CHECK(stuck.world.sampler->Stats().wakeups - wakeups <= 3);
}

TEST(ReadThatCannotHaveAHelperIsAFailureAndRecovers) {
  Script script;
  World world;
  System::blocking = true;
  const uint32_t series = world.Subscribe(Metric::kDisk, "/stuck");
  world.Guard(World::Above(series, 80));
  System::Run(kSecond);
  System::refuse_threads = true;
  System::Run(5 * kSecond);
  CHECK(world.state() == LimitState::kUnavailable);
  CHECK(std::strstr(world.sampler->InfoOf(series).failure.text, "no helper thread") != nullptr);
  System::refuse_threads = false;
  System::Of(Metric::kDisk).level = 95;
  System::Run(5 * kSecond);
  CHECK(world.state() == LimitState::kBreached);
}

// ---- many ----------------------------------------------------------------------------------------------------------

TEST(ThousandsOfGuardsOnOneFeed) {
  constexpr uint32_t kGuards = 5000;
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kProcessRss);
  std::vector<uint32_t> guards;
  std::vector<double> lines;
  uint32_t seed = 1;
  for (uint32_t i = 0; i < kGuards; i++) {
    seed = seed * 1664525 + 1013904223;
    lines.push_back(1000 + (seed >> 12) % 1000);
    guards.push_back(world.Guard(World::Above(series, lines.back())));
  }
  CHECK_EQ(world.sampler->Stats().guards, kGuards);
  CHECK_EQ(world.sampler->Stats().series, 1u);
  const auto check = [&](double value) {
    bool right = true;
    for (uint32_t i = 0; i < kGuards; i++) {
      if (guards[i] == 0) continue;
      const bool breached = world.StateAt(i) == LimitState::kBreached;
      // Between the two lines it depends on the way there, which always comes from below here.
      right = right && breached == (value > lines[i]);
    }
    CHECK(right);
  };
  for (const double value : {1200.0, 1500.0, 1999.5}) {
    System::Of(Metric::kProcessRss).level = value;
    System::Run(kSecond);
    check(value);
  }
  const int before = System::ReadsOf(Metric::kProcessRss);
  System::Run(kSecond);
  // As many reads as for one guard.
  CHECK(System::ReadsOf(Metric::kProcessRss) - before <= 12);
  // Every third goes, in an order of its own; the others are left as they are.
  for (uint32_t i = 0; i < kGuards; i++) {
    const uint32_t place = (i * 7919) % kGuards;
    if (place % 3 != 0) continue;
    world.sampler->RemoveGuard(guards[place]);
    guards[place] = 0;
  }
  CHECK_EQ(world.sampler->Stats().guards, kGuards - (kGuards + 2) / 3);
  System::Of(Metric::kProcessRss).level = 0;
  System::Run(kSecond);
  check(0);
  System::Of(Metric::kProcessRss).level = 1500;
  System::Run(kSecond);
  check(1500);
}

// ---- environments --------------------------------------------------------------------------------------------------

TEST(SamplerKeepsTheGuardsOfOtherEnvironments) {
  Script script;
  World stays;
  const uint32_t series = stays.Subscribe(Metric::kDisk);
  stays.Guard(World::Above(series, 80));
  {
    World goes;
    goes.Guard(World::Above(goes.Subscribe(Metric::kDisk), 70));
    System::Run(kSecond);
    CHECK_EQ(System::probes(), 1);
    CHECK_EQ(stays.sampler->Stats().guards, 2u);
  }
  CHECK_EQ(stays.sampler->Stats().guards, 1u);
  System::Of(Metric::kDisk).level = 95;
  System::Run(kSecond);
  CHECK(stays.state() == LimitState::kBreached);
  CHECK_EQ(stays.Fetch().guards.size(), 1u);
}

TEST(SamplerForgetsTheNewsOfAGuardThatIsRemoved) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kDisk);
  const uint32_t guard = world.Guard(World::Above(series, 80));
  System::Of(Metric::kDisk).level = 95;
  System::Run(kSecond);
  CHECK_EQ(world.notified, 1);
  world.sampler->RemoveGuard(guard);
  CHECK_EQ(world.Fetch().guards.size(), 0u);
  CHECK_EQ(world.sampler->EvidenceOf(guard).size(), 0u);
}
