// The sampler with its thread, by its public methods, over a scripted system: when the thread runs, what is judged and
// reported, and that nothing is left.
#include <cstring>
#include <vector>

#include "sampler/source.h"
#include "scripted_system/world.h"

using namespace tripline;
using tripline::test::Script;
using tripline::test::System;
using tripline::test::World;

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

TEST(SamplerCountsTheCpuTimeOfItsThread) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kProcessRss);
  const auto cpu = [&world] { return world.sampler->Stats().cpu / kMillisecond; };
  for (int thread = 0; thread < 2; thread++) {
    const uint64_t before = cpu();
    System::Of(Metric::kProcessRss).cpu = 0;
    const uint32_t guard = world.Guard(World::Above(series, 80), 0, 100 * kMillisecond);
    System::Of(Metric::kProcessRss).cpu = kMillisecond;
    const int reads = System::ReadsOf(Metric::kProcessRss);
    // The clock is looked at now and then...
    System::Run(30 * kSecond);
    CHECK(cpu() - before > 100);
    // ...and at the end, and is kept.
    world.sampler->RemoveGuard(guard);
    System::Run(5 * kSecond);
    CHECK_EQ(System::threads(), 0);
    CHECK_EQ(static_cast<int>(cpu() - before), System::ReadsOf(Metric::kProcessRss) - reads);
  }
}

TEST(SamplerReadsTheClocksOfTheSystemSeldom) {
  Script script;
  World world;
  world.Guard(World::Above(world.Subscribe(Metric::kDisk), 80), 0, 250 * kMillisecond);
  System::Run(kSecond);
  const uint64_t wakeups = world.sampler->Stats().wakeups;
  const int cpu = System::cpu_clock_reads, sleep = System::sleep_clock_reads;
  System::Run(160 * kSecond);
  CHECK_EQ(world.sampler->Stats().wakeups - wakeups, 640u);
  // At every 16th wake-up, and for each judgment of the governor.
  CHECK_EQ(System::cpu_clock_reads - cpu, 40 + 10);
  // Once per second.
  CHECK_EQ(System::sleep_clock_reads - sleep, 160);
}

TEST(SamplerBeginsEachThreadAnew) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kProcessRss);
  System::Of(Metric::kProcessRss).cpu = 20 * kMillisecond;
  System::timer_slack = 7;
  const uint32_t guard = world.Guard(World::Above(series, 80));
  System::Run(60 * kSecond);
  CHECK(world.sampler->Stats().stretch > 1);
  CHECK_EQ(world.sampler->Stats().punctuality.timer_slack, 7u);
  world.sampler->RemoveGuard(guard);
  System::Run(kSecond);
  CHECK_EQ(System::threads(), 0);
  System::timer_slack = 9;
  world.Guard(World::Above(series, 80));
  System::Settle();
  CHECK_NEAR(world.sampler->Stats().stretch, 1, 0);
  CHECK_EQ(world.sampler->Stats().punctuality.timer_slack, 9u);
}

TEST(SamplerEndsAsSoonAsItsLastUserIsGone) {
  Script script;
  World world;
  const auto ends = [] {
    System::Run(kSecond);
    CHECK_EQ(System::threads(), 0);
  };
  // Each would keep the thread asleep for an hour.
  uint32_t series = world.Subscribe(Metric::kDisk);
  const uint32_t guard = world.Guard(World::Above(series, 80), 0, 3600 * kSecond);
  System::Run(kSecond);
  CHECK_EQ(System::threads(), 1);
  world.sampler->RemoveGuard(guard);
  ends();
  CHECK(world.sampler->SetPeriod(series, 3600 * kSecond, &world.why));
  System::Run(kSecond);
  CHECK_EQ(System::threads(), 1);
  CHECK(world.sampler->SetPeriod(series, kNever, &world.why));
  ends();
  CHECK(world.sampler->SetPeriod(series, 3600 * kSecond, &world.why));
  System::Run(kSecond);
  CHECK_EQ(System::threads(), 1);
  world.sampler->Unsubscribe(series);
  ends();
}

TEST(SamplerIsNotWokenForNothing) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kDisk);
  world.Guard(World::Above(series, 80));
  const uint32_t other = world.Guard(World::Above(series, 90));
  Tickers& tickers = world.sampler->tickers();
  const uint32_t ticker = tickers.Add(&world.environment, TickerSpec{3600 * kSecond, false, false}, &world.why);
  const uint32_t beside = tickers.Add(&world.environment, TickerSpec{3600 * kSecond, false, false}, &world.why);
  Recorders& recorders = world.sampler->recorders();
  const uint32_t first = recorders.Add(&world.environment, 3600 * kSecond, 1, nullptr, 0, &world.why);
  const uint32_t second = recorders.Add(&world.environment, 3600 * kSecond, 1, nullptr, 0, &world.why);
  System::Settle();
  // Something is left each time.
  int wakes = System::wakes();
  world.sampler->RemoveGuard(other);
  tickers.Remove(beside);
  recorders.Remove(second);
  CHECK_EQ(System::wakes(), wakes);
  // A thread that has been woken is not woken again for what is due later.
  tickers.SetPeriod(ticker, 60 * kMillisecond);
  tickers.SetPeriod(ticker, 50 * kMillisecond);
  CHECK_EQ(System::wakes(), wakes + 1);
  System::Settle();
  CHECK_EQ(System::deadline(), System::now() + 50 * kMillisecond);
  tickers.Remove(ticker);
  recorders.Remove(first);
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

TEST(SamplerLocksAllThatItNeedsOrNothing) {
  Script script;
  CHECK(Sampler::Get()->Stats().unlocked.failed());
  {
    World world;
    CHECK_EQ(System::locked_ranges(), 1);
    // A board that grows.
    std::vector<int32_t> larger(2 * World::kWords);
    world.sampler->AttachBoard(&world.environment, larger.data(), larger.size());
    CHECK_EQ(System::locked_ranges(), 1);
    world.Guard(World::Above(world.Subscribe(Metric::kDisk), 80));
    System::Settle();
    // The library, the thread's stack and the sampler.
    CHECK_EQ(System::locked_ranges(), 4);
    CHECK(!world.sampler->Stats().unlocked.failed());
    // The thread has asked for it before.
    CHECK_EQ(world.sampler->Stats().punctuality.timer_slack, 1u);
    world.sampler->RemoveEnvironment(&world.environment);
    System::Run(5 * kSecond);
    CHECK(Sampler::Get()->Stats().unlocked.failed());
    CHECK_EQ(System::locked_ranges(), 0);
    System::lockable = 2;
    world.Guard(World::Above(world.Subscribe(Metric::kDisk), 80));
    System::Settle();
    CHECK_EQ(System::locked_ranges(), 0);
    CHECK(std::strstr(world.sampler->Stats().unlocked.text, "scripted limit") != nullptr);
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

// ---- standstills ---------------------------------------------------------------------------------------------------

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

TEST(SamplerTakesTheFiguresOfALoopAtOnce) {
  Script script;
  World world;
  const uint32_t guard = world.Guard(World::Above(world.Subscribe(Metric::kHeapUsed), 3e9));
  CHECK(world.Fetch().figures);
  System::Run(200 * kMillisecond);
  LoopFigures figures;
  figures.heap_used = 1e6;
  figures.heap_limit = 4e9;
  world.sampler->TakeFigures(&world.environment, figures);
  // The next read is no longer the one that did without figures.
  System::Settle();
  CHECK(System::deadline() <= System::now() + 200 * kMillisecond);
  figures.heap_used = 3.5e9;
  System::Run(kMillisecond);
  world.sampler->TakeFigures(&world.environment, figures);
  CHECK(world.state() == LimitState::kClear);
  System::Run(kSecond);
  CHECK(world.Fetch().figures);
  world.sampler->TakeFigures(&world.environment, figures);
  CHECK(world.state() == LimitState::kBreached);
  const auto evidence = world.sampler->EvidenceOf(guard);
  CHECK_EQ(evidence.size(), 1u);
  CHECK_EQ(std::strcmp(evidence[0].evidence.origin, "v8.getHeapStatistics()"), 0);
}

TEST(SamplerJudgesAHeapThatIsFull) {
  Script script;
  World world;
  const uint32_t guard = world.Guard(World::Above(world.Subscribe(Metric::kHeapUsed), 3e9, kSecond));
  world.environment.figures.idle_ms = 5;
  CHECK(!world.sampler->NoticeFullHeap(&world.environment, 2.9e9));
  System::Run(kMillisecond);
  CHECK(world.sampler->NoticeFullHeap(&world.environment, 4e9));
  CHECK(world.state() == LimitState::kBreached);
  const auto evidence = world.sampler->EvidenceOf(guard);
  CHECK_EQ(evidence.size(), 1u);
  CHECK_NEAR(evidence[0].evidence.value, 4e9, 0);
  // It is full in relation to that limit, and has said nothing of the time that it waited.
  CHECK_NEAR(world.environment.figures.heap_limit, 4e9, 0);
  CHECK_NEAR(world.environment.figures.idle_ms, 5, 0);
  CHECK_EQ(std::strcmp(evidence[0].evidence.origin, "v8::Isolate::AddNearHeapLimitCallback()"), 0);
}

TEST(SamplerIsWokenForTheEndOfTheHoldOfAFullHeap) {
  Script script;
  World world;
  GuardSpec spec;
  spec.within = 60 * kSecond;
  spec.min_hold = 5 * kSecond;
  spec.flag = world.flags++;
  const LimitRequest limit = World::Above(world.Subscribe(Metric::kHeapUsed), 3e9);
  CHECK(world.sampler->AddGuard(&world.environment, spec, &limit, 1, &world.why) != 0);
  System::Settle();
  CHECK(world.sampler->NoticeFullHeap(&world.environment, 4e9));
  System::Run(kMillisecond);
  // Its limit has been lowered.
  CHECK(!world.sampler->NoticeFullHeap(&world.environment, 2e9));
  CHECK(world.state() == LimitState::kClearing);
  System::Run(5 * kSecond);
  CHECK(world.state() == LimitState::kClear);
}

TEST(SamplerIsWokenForTheEndOfTheHoldOfACondition) {
  Script script;
  World world;
  GuardSpec spec;
  spec.within = 100 * kMillisecond;
  spec.min_hold = 5 * kSecond;
  spec.flag = world.flags++;
  const LimitRequest limit = {kCondition, LimitSpec{0.5, 0.5, 0, 0, true}, OnMissing::kUnavailable};
  const uint32_t guard = world.sampler->AddGuard(&world.environment, spec, &limit, 1, &world.why);
  System::Run(10 * kSecond);
  CHECK(world.sampler->StepCondition(guard, 0, 1, 0, 0));
  CHECK(!world.sampler->StepCondition(guard, 0, 0, 0, 0));
  CHECK(world.state() == LimitState::kClearing);
  System::Run(5 * kSecond);
  CHECK(world.state() == LimitState::kClear);
}

TEST(SamplerForgetsBaselinesAfterASuspend) {
  Calm calm;
  // While the machine slept, the counter went on although the clock did not.
  System::Suspend(3600 * kSecond);
  System::Of(Metric::kCpu).jump = 2;
  System::Run(10 * kSecond);
  CHECK(calm.world.state() == LimitState::kClear);
  CHECK_EQ(calm.world.breaches(), 0);
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
  System::Run(kSecond);
  // What was a suspend is one once.
  System::Suspend(3600 * kSecond);
  for (int i = 0; i < 20; i++) {
    System::Run(kSecond);
    System::Suspend(50 * kMillisecond);
  }
  CHECK(world.state() == LimitState::kBreached);
}

TEST(SamplerTakesItsOwnDelayForNoSuspend) {
  Script script;
  World world;
  Tickers& tickers = world.sampler->tickers();
  world.Guard(World::Above(world.Subscribe(Metric::kCpu, "", 3 * kSecond), 80));
  System::Of(Metric::kCpu).share = 1;
  const uint32_t ticker = tickers.Add(&world.environment, TickerSpec{kSecond, false, false}, &world.why);
  for (int i = 0; i < 20; i++) {
    // Now and then, the thread stops for a moment between its look at the one clock and at the other.
    world.notify_cost = i % 2 * 100 * kMillisecond;
    System::Run(kSecond);
    world.sampler->Acknowledge(&world.environment);
    Tick ticks[4];
    tickers.Take(&world.environment, ticks, 4);
  }
  CHECK(world.notified >= 10);
  CHECK(world.state() == LimitState::kBreached);
  tickers.Remove(ticker);
}

TEST(SamplerTakesASleepBeforeItsTimeForNoSuspend) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kCpu, "", 2 * kSecond);
  // A thread that has looked at the sleep clock right before its end.
  System::Run(5 * kSecond);
  world.sampler->RemoveGuard(world.Guard(World::Above(world.Subscribe(Metric::kDisk), 80)));
  System::Run(200 * kMillisecond);
  CHECK_EQ(System::threads(), 0);
  System::Suspend(3600 * kSecond);
  System::Of(Metric::kCpu).share = 1;
  world.Guard(World::Above(series, 80));
  System::Run(2300 * kMillisecond);
  CHECK(world.StateAt(1) == LimitState::kBreached);
}

TEST(SamplerForgetsBaselinesAfterALongStandstill) {
  for (const bool interrupted : {false, true}) {
    Calm calm;
    // The busy time of others in 20 seconds without observation is no crossing.
    System::Of(Metric::kCpu).share = 1;
    System::StandStill(20 * kSecond, interrupted);
    System::Of(Metric::kCpu).share = 0.1;
    System::Run(5 * kSecond);
    CHECK_EQ(calm.world.breaches(), 0);
  }
}

TEST(SamplerForgetsBaselinesWhenItWasStoppedForMoreThanAWindow) {
  Calm calm;
  System::Of(Metric::kCpu).share = 1;
  System::StandStill(kSecond, true);
  System::Of(Metric::kCpu).share = 0.1;
  System::Run(5 * kSecond);
  CHECK_EQ(calm.world.breaches(), 0);
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

TEST(SamplerCountsShortSleepsThatAreInterrupted) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kDisk);
  System::Of(Metric::kDisk).level = 95;
  world.Guard(World::Above(series, 80, 2 * kSecond));
  System::Run(kSecond);
  CHECK(world.state() == LimitState::kPending);
  // A tool that slows the process down stops and continues it many times per second.
  for (int i = 0; i < 40; i++) {
    System::StandStill(20 * kMillisecond, true);
    System::Run(60 * kMillisecond);
  }
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

TEST(SamplerLooksAtNothingOfAnEnvironmentThatIsGone) {
  Script script;
  World world;
  Environment& environment = world.environment;
  const IdleClock clock{[](void*) -> uint64_t { return 1; }, &world};
  world.sampler->WatchLoop(&environment, clock);
  CHECK(environment.idle_clock.loop == &world);
  CHECK(environment.idle_clock.read == clock.read);
  auto* stack = new BlockedStack([](void*) {}, nullptr);
  world.sampler->WatchStacks(&environment, stack);
  CHECK(environment.stack.get() == stack);
  const uint32_t table[16] = {};
  world.sampler->AttachOperations(&environment, table, sizeof(table));
  world.sampler->RemoveEnvironment(&environment);
  CHECK(environment.idle_clock.read == nullptr);
  CHECK(environment.stack == nullptr);
  CHECK(environment.operations == nullptr);
  CHECK_EQ(environment.board.memory().size, 0u);
}

TEST(SamplerStepsAConditionAtTheTimeOfItsCheck) {
  Script script;
  World world;
  GuardSpec spec;
  spec.flag = world.flags++;
  const LimitRequest limit = {kCondition, LimitSpec{0.5, 0.5, 0, 0, true}, OnMissing::kUnavailable};
  for (const uint64_t at : {uint64_t{0}, 5 * kSecond}) {
    const uint32_t guard = world.sampler->AddGuard(&world.environment, spec, &limit, 1, &world.why);
    CHECK(world.sampler->StepCondition(guard, 0, 1, 0, at));
    const auto evidence = world.sampler->EvidenceOf(guard);
    CHECK_EQ(evidence.size(), 1u);
    CHECK_EQ(evidence[0].evidence.at, at == 0 ? System::now() : at);
    world.sampler->RemoveGuard(guard);
  }
}

TEST(SamplerPlaysAGuardOnItsOwnClock) {
  Script script;
  World world;
  // No series: its values are played.
  const uint32_t guard = world.Guard({0, LimitSpec{80, 72, 2 * kSecond, 0, true}, OnMissing::kUnavailable});
  const double value = 90;
  CHECK_EQ(world.sampler->PlayGuard(guard, 10 * kSecond, 0, &value, 1), 12 * kSecond);
  CHECK(world.state() == LimitState::kPending);
  CHECK_EQ(world.sampler->PlayGuard(guard, 12 * kSecond, 0, &value, 1), kNever);
  CHECK(world.state() == LimitState::kBreached);
}

TEST(SamplerTriesWhetherTheKernelPushes) {
  Script script;
  World world;
  CHECK(world.sampler->CanPush(Metric::kDisk, &world.why));
  CHECK_EQ(System::triggers(), 0);
  System::refuse_triggers = true;
  CHECK(!world.sampler->CanPush(Metric::kDisk, &world.why));
  CHECK(world.why.failed());
}

namespace {

int probes_asked;

Probe* MakeNone(Metric, const Selector&, Failure*) {
  probes_asked++;
  return nullptr;
}

}  // namespace

TEST(SamplerMakesNoProbeForWhatTheSystemNeverHas) {
  Script script;
  World world;
  // Of Linux only, and of the family of kCpu.
  constexpr Metric kNever = Metric::kCpuSteal;
  Selector selector;
  selector.environment = &world.environment;
  CHECK(MakeProbeOf(kNever, selector, &world.why) == nullptr);
  CHECK_EQ(std::strcmp(world.why.text, "scripted absence"), 0);
  Mutex lock;
  Source absent(kNever, selector, MakeNone, &lock, [](void*) {}, nullptr);
  Source present(Metric::kCpu, selector, MakeNone, &lock, [](void*) {}, nullptr);
  CHECK(absent.Matches(kNever, selector));
  CHECK(!absent.Matches(Metric::kCpu, selector));
  CHECK(!present.Matches(kNever, selector));
  CHECK(present.Matches(Metric::kCpuHost, selector));
  probes_asked = 0;
  Failure why;
  CHECK(!absent.Make(System::now(), &why));
  Readings readings;
  for (int i = 1; i < 5; i++) {
    CHECK_EQ(absent.Read(System::now() + i * 10 * kSecond, MaskOf(kNever), &readings), MaskOf(kNever));
    CHECK(readings[kNever].state == Reading::kUnavailable);
  }
  CHECK_EQ(probes_asked, 1);
  CHECK_EQ(world.sampler->Subscribe(&world.environment, kNever, selector, 0, world.cells, true, &world.why), 0u);
}

// ---- commands ------------------------------------------------------------------------------------------------------

TEST(SamplerReadsNoTreeOfACommandThatWaits) {
  constexpr int64_t kRoot = 77;
  for (const bool tree : {false, true}) {
    Script script;
    World world;
    System::waiting_root = kRoot;
    System::Of(Metric::kProcessRss).level = 95;
    const auto guard = [&](int64_t pid) {
      Selector selector;
      selector.pid = pid;
      selector.tree = tree;
      const uint32_t series = world.sampler->Subscribe(&world.environment, Metric::kProcessRss, selector, 0,
                                                       world.cells, false, &world.why);
      world.cells += 10;
      CHECK(series != 0);
      world.Guard(World::Above(series, 80));
    };
    guard(kRoot);
    guard(kRoot + 1);
    System::Run(kSecond);
    // What waits is still a copy of this process, and no command.
    CHECK_EQ(world.StateAt(0) == LimitState::kBreached, !tree);
    CHECK(world.StateAt(1) == LimitState::kBreached);
    System::waiting_root = 0;
    System::Run(kSecond);
    CHECK(world.StateAt(0) == LimitState::kBreached);
  }
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
  spec.flag = World::kFirstFlag;
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

TEST(ReadThatHangsIsMissedAtTheEndOfItsTime) {
  Script script;
  World world;
  System::blocking = true;
  world.Guard(World::Above(world.Subscribe(Metric::kDisk, "/stuck"), 80), 60 * kSecond);
  System::Run(kSecond);
  CHECK(world.state() == LimitState::kClear);
  System::CloseDoor();
  while (System::waiting() == 0) System::Run(kSecond);
  System::Run(900 * kMillisecond);
  CHECK(world.state() == LimitState::kClear);
  System::Run(kSecond + 100 * kMillisecond);
  CHECK(world.state() == LimitState::kUnavailable);
}

TEST(ReadThatHangsIsMissedThoughItsNextReadIsFar) {
  Stuck stuck;
  // Read once per minute from now on.
  stuck.world.sampler->RemoveGuard(stuck.guard);
  stuck.world.Guard(World::Above(stuck.series, 80), 0, 60 * kSecond);
  stuck.world.sampler->SetPeriod(stuck.series, 60 * kSecond, &stuck.world.why);
  System::Run(3 * kSecond);
  CHECK(stuck.world.StateAt(1) == LimitState::kUnavailable);
  // A reader that comes now does not wait for it.
  Selector selector;
  selector.name = "/stuck";
  CHECK_EQ(stuck.world.sampler->Subscribe(&stuck.world.environment, Metric::kDiskFree, selector, 0, stuck.world.cells,
                                          true, &stuck.world.why),
           0u);
  CHECK(std::strstr(stuck.world.why.text, "has not answered") != nullptr);
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

TEST(SamplerDiscountsAGapFromALoopThatWaitedForLessThanHalfOfIt) {
  Script script;
  constexpr uint64_t kGap = 100 * kMillisecond;
  for (const bool half : {false, true}) {
    // The read takes a moment, so that the clock need not be read again.
    static uint64_t idle;
    const IdleClock clock{[](void*) {
                            System::Delay(kMillisecond);
                            return idle;
                          },
                          nullptr};
    Environment environment([](void*) {}, nullptr);
    environment.idle_clock = clock;
    environment.look = IdleLook{System::now(), kSecond, false};
    System::Delay(kGap);
    idle = kSecond + kGap / 2 - (half ? 0 : 1);
    const uint64_t now = System::now();
    environment.DiscountGap(kGap, now);
    CHECK_EQ(environment.heartbeat.still, half ? 0 : kGap / 2 + 1);
    // Nothing of it is counted twice.
    CHECK_EQ(environment.look.at, now);
    CHECK_EQ(environment.look.idle, idle);
  }
}
