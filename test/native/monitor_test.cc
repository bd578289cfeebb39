// Series, guards and readers together, as the sampling thread runs them, with scripted probes and a simulated clock.
#include "sampler/monitor.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "check.h"

using namespace tripline;

namespace {

constexpr uint32_t kCell = 8, kFlag = 40;

double level = 0;
double busy = 0, total = 0;
bool failing = false;
uint32_t min_period_ms = 0;  // 0: that of the metric
const char* origin = "script";

class LevelProbe : public Probe {
 public:
  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    if (Wants(wanted, Metric::kCpu)) return SetPair(Metric::kCpu, busy, total, out);
    if (!failing) return out->SetLevel(Metric::kDisk, level);
    Failure why;
    why.Set("scripted failure");
    SetUnavailable(wanted, why, out);
  }
  const char* Origin(Metric) const override { return origin; }
  uint32_t MinPeriodMs(Metric metric) const override {
    return min_period_ms != 0 ? min_period_ms : Probe::MinPeriodMs(metric);
  }
};

Probe* MakeLevel(Metric, const Selector&, Failure*) { return new LevelProbe(); }
void Nothing(void*) {}

// Runs a monitor whenever it is due, with one environment and one series.
struct World {
  Mutex lock;
  Monitor monitor{MakeLevel, nullptr, &lock, Nothing, nullptr};
  Environment environment{Nothing, nullptr};
  int32_t words[64] = {};
  StandstillWatch watch;
  uint64_t now = 1000 * kSecond;
  uint32_t series;

  explicit World(Metric metric = Metric::kDisk) {
    level = 0;
    failing = false;
    min_period_ms = 0;
    busy = total = 0;
    environment.board.Attach(words, 64);
    Failure why;
    series = monitor.Subscribe(&environment, metric, Selector(), 0, kCell, true, now, &why);
    CHECK(series != 0);
  }
  ~World() { monitor.RemoveEnvironment(&environment, now); }

  // The limit is above 80 and clears at 72.
  uint32_t Guard(uint64_t dwell, uint64_t clear_dwell = 0, uint64_t min_hold = 0) {
    LimitRequest limit = {series, LimitSpec{80, 72, dwell, clear_dwell, true}, OnMissing::kUnavailable};
    GuardSpec spec;
    spec.within = 100 * kMillisecond;
    spec.min_hold = min_hold;
    spec.flag = kFlag;
    return monitor.AddGuard(&environment, spec, &limit, 1, now);
  }
  LimitState State() const { return static_cast<LimitState>(words[kFlag] & 7); }

  // Runs the monitor for `time` and wakes it whenever it is due.
  void Run(uint64_t time) {
    const uint64_t end = now + time;
    while (monitor.next_due() <= end) {
      watch.Sleep(now, now);
      now = std::max(now, monitor.next_due());
      Wake(false);
    }
    now = end;
  }
  // The same, while the counter grows by the given busy share of the time.
  void RunBusy(uint64_t time, double share) {
    for (uint64_t passed = 0; passed < time; passed += 10 * kMillisecond) {
      total += 1, busy += share;
      Run(10 * kMillisecond);
    }
  }
  // Simulates a standstill of `time` that begins before the next read is due.
  void Stop(uint64_t time, bool interrupted) {
    watch.Sleep(now, now);
    now += time;
    Wake(interrupted);
  }
  void Wake(bool interrupted) {
    const Standstill standstill = watch.Wake(now, monitor.next_due(), interrupted);
    if (standstill.duration > 0) monitor.Discount(standstill, now);
    monitor.Pass(now, 1);
  }
};

}  // namespace

struct Noted final : Reaction {
  void React(Guard* guard) override { (guard->breached() ? breaches : clears)++; }
  void LetGo() override { holds--; }
  int breaches = 0, clears = 0, holds = 1;
};

TEST(MonitorReactsToBothEdgesOfABreachAndToNothingElse) {
  World world;
  Noted noted;
  LimitRequest limit = {world.series, LimitSpec{80, 72, kSecond, 0, true}, OnMissing::kUnavailable};
  GuardSpec spec;
  spec.within = 100 * kMillisecond;
  spec.flag = kFlag;
  spec.reaction = &noted;
  const uint32_t guard = world.monitor.AddGuard(&world.environment, spec, &limit, 1, world.now);
  level = 95;
  world.Run(kSecond / 2);
  CHECK_EQ(noted.breaches, 0);
  world.Run(kSecond);
  CHECK_EQ(noted.breaches, 1);
  // The loss of the metric is no end of the breach.
  failing = true;
  world.Run(5 * kSecond);
  failing = false;
  world.Run(2 * kSecond);
  CHECK_EQ(noted.breaches, 1);
  level = 50;
  world.Run(kSecond);
  CHECK_EQ(noted.clears, 1);
  CHECK_EQ(noted.holds, 1);
  world.monitor.RemoveGuard(guard);
  CHECK_EQ(noted.holds, 0);
}

TEST(MonitorCountsNoStandstillIntoFor) {
  for (const bool interrupted : {false, true}) {
    World world;
    const uint32_t guard = world.Guard(5 * kSecond);
    level = 95;
    world.Run(2 * kSecond);
    CHECK(world.State() == LimitState::kPending);
    world.Stop(8 * kSecond, interrupted);
    CHECK(world.State() == LimitState::kPending);
    world.Run(2 * kSecond + kSecond / 2);
    CHECK(world.State() == LimitState::kPending);
    world.Run(kSecond);
    CHECK(world.State() == LimitState::kBreached);
    // The evidence claims only what was observed.
    const auto evidence = world.monitor.EvidenceOf(guard, world.now);
    CHECK_EQ(evidence.size(), 1u);
    const uint64_t lasted = evidence[0].evidence.at - evidence[0].evidence.since;
    CHECK(lasted >= 5 * kSecond);
    CHECK(lasted < 6 * kSecond);
  }
}

TEST(MonitorCountsNoStandstillIntoClearFor) {
  World world;
  world.Guard(0, 5 * kSecond);
  level = 95;
  world.Run(kSecond);
  level = 10;
  world.Run(2 * kSecond);
  CHECK(world.State() == LimitState::kClearing);
  world.Stop(60 * kSecond, true);
  world.Run(2 * kSecond);
  CHECK(world.State() == LimitState::kClearing);
  world.Run(2 * kSecond);
  CHECK(world.State() == LimitState::kClear);
}

TEST(MonitorCountsNoStandstillIntoMinHold) {
  World world;
  world.Guard(0, 0, 5 * kSecond);
  level = 95;
  world.Run(kSecond);
  level = 10;
  world.Run(kSecond);
  CHECK(world.State() == LimitState::kClearing);
  world.Stop(60 * kSecond, true);
  CHECK(world.State() == LimitState::kClearing);
  world.Run(2 * kSecond);
  CHECK(world.State() == LimitState::kClearing);
  world.Run(2 * kSecond);
  CHECK(world.State() == LimitState::kClear);
}

TEST(MonitorOnASlowMachineStillCountsWhatItSees) {
  World world;
  world.Guard(2 * kSecond);
  level = 95;
  world.Run(100 * kMillisecond);
  // Every read comes 300 ms late: a quarter of the time is observed.
  for (int i = 0; i < 30; i++) world.Stop(400 * kMillisecond, false);
  CHECK(world.State() == LimitState::kBreached);
}

TEST(MonitorHoldsWithTheProofOfTheBreach) {
  World world;
  const uint32_t guard = world.Guard(0, 0, 5 * kSecond);
  level = 95;
  world.Run(kSecond);
  level = 10;
  world.Run(kSecond);
  CHECK(world.State() == LimitState::kClearing);
  const auto held = world.monitor.EvidenceOf(guard, world.now);
  CHECK_EQ(held.size(), 1u);
  CHECK(held[0].breached);
  CHECK_NEAR(held[0].evidence.value, 95, 0);
  world.Run(5 * kSecond);
  CHECK(!world.monitor.EvidenceOf(guard, world.now)[0].breached);
}

TEST(MonitorKeepsACrossingThroughFailedReads) {
  World world;
  world.Guard(8 * kSecond);
  level = 95;
  // One read in five fails.
  for (int i = 0; i < 4; i++) {
    failing = false;
    world.Run(4 * kSecond);
    failing = true;
    world.Run(kSecond);
  }
  failing = false;
  world.Run(kSecond);
  CHECK(world.State() == LimitState::kBreached);
  CHECK_EQ(world.words[kFlag] >> 3, 1);
}

TEST(MonitorAnswersARequestWhoseReadFails) {
  World world;
  failing = true;
  world.monitor.SetPeriod(world.series, kSecond);
  world.monitor.Request(&world.environment, 7, &world.series, 1, world.now);
  world.Run(2 * kSecond);
  CHECK_EQ(world.environment.answered.size(), 1u);
  CHECK_EQ(world.environment.answered[0], 7u);
}

TEST(MonitorAveragesOverNoTimeInWhichNothingWanted) {
  World world(Metric::kCpu);
  const auto run = [&](uint64_t time, double share) { world.RunBusy(time, share); };
  const auto value = [&] { return world.monitor.FeedOf(world.series)->series.now(); };
  world.monitor.SetPeriod(world.series, 100 * kMillisecond);
  run(2 * kSecond, 0.5);
  CHECK_NEAR(value().value, 50, 1);
  world.monitor.SetPeriod(world.series, kNever);
  run(60 * kSecond, 1);
  world.monitor.SetPeriod(world.series, 100 * kMillisecond);
  // The minute without reads counts into no window: the old value stands until there is a new window.
  run(300 * kMillisecond, 0);
  CHECK_NEAR(value().value, 50, 1);
  run(kSecond, 0);
  CHECK_NEAR(value().value, 0, 1);
}

TEST(MonitorReadsAShareLessOftenWhileItsLineIsFar) {
  World world(Metric::kCpu);
  world.Guard(0);
  const auto reads = [&](uint64_t time, double share) {
    const uint64_t before = world.monitor.reads();
    world.RunBusy(time, share);
    return world.monitor.reads() - before;
  };
  world.RunBusy(2 * kSecond, 0.1);
  // The value is 70 below the line and cannot reach it within half of its window of 500 ms.
  CHECK_NEAR(static_cast<double>(reads(10 * kSecond, 0.1)), 50, 1);
  // The value is 20 below the line, so the period is at most `within`.
  world.RunBusy(2 * kSecond, 0.6);
  CHECK_NEAR(static_cast<double>(reads(10 * kSecond, 0.6)), 100, 1);
}

TEST(MonitorNoticesACrossingWithinWhatAGuardAllows) {
  for (uint64_t phase = 0; phase < 50; phase++) {
    World world(Metric::kCpu);
    world.Guard(0);
    world.RunBusy(2 * kSecond + phase * 10 * kMillisecond, 0.1);
    CHECK(world.State() == LimitState::kClear);
    // The mean over 500 ms is above 80 after 390 busy milliseconds, at the earliest.
    world.RunBusy(390 * kMillisecond, 1);
    // 100 ms, plus the error of the start of the window when the load changes between two reads.
    world.RunBusy(130 * kMillisecond, 1);
    CHECK(world.State() == LimitState::kBreached);
  }
}

TEST(MonitorPlaysAGuardOnItsOwnTime) {
  World world;
  LimitRequest limit = {0, LimitSpec{80, 72, 2 * kSecond, kSecond, true}, OnMissing::kUnavailable};
  GuardSpec spec;
  spec.flag = kFlag;
  spec.breaches = 3;
  const uint32_t guard = world.monitor.AddGuard(&world.environment, spec, &limit, 1, world.now);
  // The guard's clock is far behind the machine's.
  const auto play = [&](uint64_t at, double value, uint64_t gap = 0) {
    return world.monitor.PlayGuard(guard, at * kSecond, gap * kSecond, &value, 1);
  };
  CHECK_EQ(play(10, 90), 12 * kSecond);
  CHECK(world.State() == LimitState::kPending);
  // Neither passes of the thread nor its standstills affect it.
  world.Run(10 * kSecond);
  world.Stop(5 * kSecond, false);
  CHECK(world.State() == LimitState::kPending);
  // Because of the gap of five seconds, only one of the two required seconds was observed.
  CHECK_EQ(play(16, 90, 5), 17 * kSecond);
  CHECK(world.State() == LimitState::kPending);
  CHECK_EQ(play(17, 95), kNever);
  CHECK(world.State() == LimitState::kBreached);
  CHECK_EQ(world.words[kFlag] >> 3, 4);
  const List<EvidenceCopy> evidence = world.monitor.EvidenceOf(guard, world.now);
  CHECK_EQ(evidence.size(), 1u);
  CHECK_EQ(evidence[0].evidence.since, 15 * kSecond);
  CHECK_EQ(evidence[0].evidence.recent_count, 3u);
  CHECK_EQ(std::strcmp(evidence[0].evidence.origin, "tripline/testing"), 0);
  CHECK_EQ(play(18, std::numeric_limits<double>::infinity()), kNever);
  CHECK_EQ(play(19, 10), 20 * kSecond);
  CHECK_EQ(play(20, 10), kNever);
  CHECK(world.State() == LimitState::kClear);
  // A read that fails.
  play(21, std::numeric_limits<double>::quiet_NaN());
  CHECK(world.State() == LimitState::kUnavailable);
  world.monitor.RemoveGuard(guard);
}

namespace {

// A guard with a single condition.
struct Condition {
  World world;
  uint32_t guard;

  explicit Condition(uint64_t dwell, uint64_t clear_dwell = 0, OnMissing on_missing = OnMissing::kUnavailable) {
    const LimitRequest limit = {kCondition, LimitSpec{0.5, 0.5, dwell, clear_dwell, true}, on_missing};
    GuardSpec spec;
    spec.within = 100 * kMillisecond;
    spec.flag = kFlag;
    guard = world.monitor.AddGuard(&world.environment, spec, &limit, 1, world.now);
  }
  bool Step(double value, uint64_t late = 0) { return world.monitor.StepCondition(guard, 0, value, late, world.now); }
};

}  // namespace

TEST(MonitorJudgesAConditionByItsChecks) {
  Condition condition(2 * kSecond, kSecond);
  CHECK(condition.world.State() == LimitState::kClear);
  CHECK(!condition.Step(1));
  CHECK(condition.world.State() == LimitState::kPending);
  // Time alone decides nothing: only the next check can show that the condition still does not hold.
  condition.world.Run(3 * kSecond);
  CHECK(condition.world.State() == LimitState::kPending);
  CHECK(condition.Step(1));
  CHECK(condition.world.State() == LimitState::kBreached);
  const auto evidence = condition.world.monitor.EvidenceOf(condition.guard, condition.world.now);
  CHECK_EQ(evidence.size(), 1u);
  CHECK_EQ(evidence[0].evidence.at - evidence[0].evidence.since, 3 * kSecond);
  CHECK_EQ(evidence[0].evidence.recent_count, 0u);
  CHECK(!condition.Step(0));
  CHECK(condition.world.State() == LimitState::kClearing);
  condition.world.Run(kSecond);
  CHECK(!condition.Step(0));
  CHECK(condition.world.State() == LimitState::kClear);
}

TEST(MonitorEndsTheHoldOfAConditionWithoutAnotherCheck) {
  World world;
  const LimitRequest limit = {kCondition, LimitSpec{0.5, 0.5, 0, 0, true}, OnMissing::kUnavailable};
  GuardSpec spec;
  spec.within = 100 * kMillisecond;
  spec.min_hold = 5 * kSecond;
  spec.flag = kFlag;
  const uint32_t guard = world.monitor.AddGuard(&world.environment, spec, &limit, 1, world.now);
  // It has one limit.
  CHECK(!world.monitor.StepCondition(guard, 1, 1, 0, world.now));
  CHECK(world.State() == LimitState::kClear);
  CHECK(world.monitor.StepCondition(guard, 0, 1, 0, world.now));
  world.monitor.StepCondition(guard, 0, 0, 0, world.now);
  CHECK(world.State() == LimitState::kClearing);
  CHECK_EQ(world.monitor.next_due(), world.now + 5 * kSecond);
  world.Run(5 * kSecond);
  CHECK(world.State() == LimitState::kClear);
}

TEST(MonitorForgivesOneFailedCheckOfACondition) {
  Condition condition(0);
  const double unknown = std::numeric_limits<double>::quiet_NaN();
  condition.Step(1);
  condition.Step(unknown);
  CHECK(condition.world.State() == LimitState::kBreached);
  condition.Step(unknown);
  CHECK(condition.world.State() == LimitState::kUnavailable);
  condition.Step(0);
  CHECK(condition.world.State() == LimitState::kClear);
}

TEST(MonitorCountsNoLateCheckIntoFor) {
  Condition condition(5 * kSecond);
  condition.Step(1);
  condition.world.Run(2 * kSecond);
  condition.Step(1);
  // The loop was blocked for 8 s; the check is due every second.
  condition.world.Run(9 * kSecond);
  condition.Step(1, 8 * kSecond);
  CHECK(condition.world.State() == LimitState::kPending);
  condition.world.Run(2 * kSecond);
  CHECK(condition.Step(1));
  const auto evidence = condition.world.monitor.EvidenceOf(condition.guard, condition.world.now);
  CHECK_EQ(evidence[0].evidence.at - evidence[0].evidence.since, 5 * kSecond);
}

TEST(MonitorCountsAStandstillOfAConditionOnce) {
  // Both the thread and the late check notice the standstill, in either order; the thread may have slept for a long
  // time before.
  for (const bool check_first : {false, true}) {
    Condition condition(5 * kSecond);
    condition.world.Run(60 * kSecond);
    condition.Step(1);
    condition.world.Run(2 * kSecond);
    condition.Step(1);
    condition.world.now += 9 * kSecond;
    if (check_first) condition.Step(1, 8 * kSecond);
    condition.world.monitor.Discount(Standstill{70 * kSecond, true}, condition.world.now);
    if (!check_first) condition.Step(1, 8 * kSecond);
    CHECK(condition.world.State() == LimitState::kPending);
    condition.world.Run(kSecond + kSecond / 2);
    condition.Step(1);
    CHECK(condition.world.State() == LimitState::kPending);
    condition.world.Run(2 * kSecond);
    CHECK(condition.Step(1));
  }
}

TEST(MonitorJudgesConditionsAndMetricsTogether) {
  World world;
  const LimitRequest limits[] = {
      {world.series, LimitSpec{80, 72, 0, 0, true}, OnMissing::kUnavailable},
      {kCondition, LimitSpec{0.5, 0.5, 0, 0, true}, OnMissing::kUnavailable},
  };
  GuardSpec spec;
  spec.all = true;
  spec.within = 100 * kMillisecond;
  spec.flag = kFlag;
  const uint32_t guard = world.monitor.AddGuard(&world.environment, spec, limits, 2, world.now);
  level = 95;
  world.Run(kSecond);
  CHECK(world.State() == LimitState::kClear);
  world.monitor.StepCondition(guard, 1, 1, 0, world.now);
  CHECK(world.State() == LimitState::kBreached);
  CHECK_EQ(world.monitor.EvidenceOf(guard, world.now).size(), 2u);
  world.monitor.RemoveGuard(guard);
  CHECK(!world.monitor.StepCondition(guard, 1, 1, 0, world.now));
}

TEST(MonitorWritesWhatItReadsToTheBoard) {
  World world;
  const auto written = [&world] {
    double value;
    std::memcpy(&value, world.words + kCell + 2 + (world.words[kCell] & 1) * 4, sizeof(value));
    return value;
  };
  // A level is there as soon as it is subscribed to, and for a second reader too.
  CHECK_NEAR(written(), 0, 0);
  CHECK_EQ(world.words[kCell], 1);
  Failure why;
  CHECK(world.monitor.Subscribe(&world.environment, Metric::kDisk, Selector(), 0, kCell + 16, true, world.now, &why) !=
        0);
  CHECK_EQ(world.words[kCell + 16], 1);
  level = 42.5;
  world.monitor.SetPeriod(world.series, kSecond);
  world.Run(kSecond);
  CHECK_NEAR(written(), 42.5, 0);
  CHECK(world.words[kCell + 16] > 1);
}

TEST(MonitorClearsAtExactlyTheClearLine) {
  World world;
  world.Guard(0);
  level = 81;
  world.Run(2 * kSecond);
  CHECK(world.State() == LimitState::kBreached);
  level = 72;
  world.Run(2 * kSecond);
  CHECK(world.State() == LimitState::kClear);
}

TEST(MonitorClearsALimitBelowAtExactlyTheClearLine) {
  World world;
  level = 50;
  LimitRequest limit = {world.series, LimitSpec{20, 22, 0, 0, false}, OnMissing::kUnavailable};
  GuardSpec spec;
  spec.within = 100 * kMillisecond;
  spec.flag = kFlag;
  world.monitor.AddGuard(&world.environment, spec, &limit, 1, world.now);
  level = 19;
  world.Run(2 * kSecond);
  CHECK(world.State() == LimitState::kBreached);
  level = 22;
  world.Run(2 * kSecond);
  CHECK(world.State() == LimitState::kClear);
}

TEST(MonitorShowsRecordingsOnlyGuardsOfThisMachine) {
  World world;
  const uint32_t sampled = world.Guard(0);
  CHECK_EQ(world.monitor.GuardOf(sampled)->id, sampled);
  CHECK(world.monitor.GuardOf(sampled + 1) == nullptr);
  // One that plays values says nothing of the machine.
  LimitRequest limit = {0, LimitSpec{80, 72, 0, 0, true}, OnMissing::kUnavailable};
  const uint32_t played = world.monitor.AddGuard(&world.environment, GuardSpec(), &limit, 1, world.now);
  CHECK(world.monitor.GuardOf(played) == nullptr);
}

TEST(MonitorNamesTheOriginOfEachBreach) {
  World world;
  const uint32_t guard = world.Guard(0);
  const auto breach = [&](const char* from) {
    origin = from;
    level = 95;
    world.Run(2 * kSecond);
    const auto evidence = world.monitor.EvidenceOf(guard, world.now);
    const char* const named = evidence[0].evidence.origin;
    CHECK_EQ(named, from);
    level = 10;
    world.Run(2 * kSecond);
    return named;
  };
  const char* const first = breach("first");
  breach("second");
  // Names are kept once, however often they come back.
  CHECK(breach("first") == first);
  origin = "script";
}

TEST(MonitorReadsNothingForFiguresThatNoSourceWaitsFor) {
  World world;
  world.Guard(0);
  const uint64_t reads = world.monitor.reads();
  world.monitor.Refresh(&world.environment, world.now);
  CHECK_EQ(world.monitor.reads(), reads);
}

TEST(MonitorMovesReadsToSharedTimesFromAPeriodOf50Milliseconds) {
  World world;
  min_period_ms = 1;
  const auto phase_at = [&world](uint64_t period) {
    // Leaves the thread 20 ms after a multiple of 50.
    world.monitor.SetPeriod(world.series, 40 * kMillisecond);
    world.Run(120 * kMillisecond);
    world.monitor.SetPeriod(world.series, period);
    world.Run(2 * kSecond);
    return world.monitor.next_due() % period;
  };
  CHECK_EQ(phase_at(50 * kMillisecond), 0u);
  CHECK(phase_at(49 * kMillisecond) != 0);
}

TEST(MonitorMovesNoReadOfASourceThatChangesOncePerSecond) {
  for (const uint32_t source_period : {999u, 1000u}) {
    World world;
    min_period_ms = source_period;
    const uint64_t from = world.now;
    world.monitor.SetPeriod(world.series, 7 * kSecond);
    if (source_period == 1000)
      CHECK_EQ(world.monitor.next_due(), from + 7 * kSecond);
    else
      CHECK_EQ(world.monitor.next_due(), from + 7 * kSecond - Tenth(7 * kSecond));
  }
}

TEST(MonitorForgetsWhatWasCountedTwoWindowsAgo) {
  for (const uint64_t early : {0u, 1u}) {
    World world(Metric::kCpu);
    const Feed* feed = world.monitor.FeedOf(world.series);
    world.monitor.SetPeriod(world.series, 100 * kMillisecond);
    world.RunBusy(2 * kSecond, 0.5);
    world.monitor.SetPeriod(world.series, kNever);
    total += 100, busy += 100;
    world.now = feed->last_read + 2 * feed->series.window() - early;
    world.monitor.SetPeriod(world.series, 100 * kMillisecond);
    world.monitor.Pass(world.now, 1);
    CHECK_EQ(feed->last_read, world.now);
    if (early == 0)
      CHECK_NEAR(feed->series.now().value, 50, 1);
    else
      CHECK(feed->series.now().value > 75);
  }
}

TEST(MonitorReadsAShareAtTheUsualPeriodWhileADwellRuns) {
  World world(Metric::kCpu);
  world.Guard(60 * kSecond);
  world.RunBusy(2 * kSecond, 1);
  CHECK(world.State() == LimitState::kPending);
  const uint64_t before = world.monitor.reads();
  world.RunBusy(10 * kSecond, 1);
  CHECK_NEAR(static_cast<double>(world.monitor.reads() - before), 100, 1);
}

TEST(MonitorReadsWhenADwellEndsBeforeTheNextRead) {
  World world;
  min_period_ms = 100;
  LimitRequest limit = {world.series, LimitSpec{80, 72, 300 * kMillisecond, 0, true}, OnMissing::kUnavailable};
  GuardSpec spec;
  spec.within = 2 * kSecond;
  spec.flag = kFlag;
  world.monitor.AddGuard(&world.environment, spec, &limit, 1, world.now);
  level = 95;
  while (world.State() == LimitState::kClear) world.Run(100 * kMillisecond);
  CHECK(world.State() == LimitState::kPending);
  world.Run(300 * kMillisecond);
  CHECK(world.State() == LimitState::kBreached);
}

TEST(MonitorReadsALevelAnewForALaterReader) {
  World world;
  min_period_ms = 100;
  level = 42.5;
  Failure why;
  const auto subscribe = [&] {
    return world.monitor.Subscribe(&world.environment, Metric::kDisk, Selector(), 0, kCell + 16, true, world.now, &why);
  };
  const Feed* feed = world.monitor.FeedOf(world.series);
  // The source cannot have changed yet.
  world.now += 100 * kMillisecond - 1;
  CHECK(subscribe() != 0);
  CHECK_NEAR(feed->series.now().value, 0, 0);
  world.now++;
  CHECK(subscribe() != 0);
  CHECK_NEAR(feed->series.now().value, 42.5, 0);
}

TEST(MonitorReadsLaterWhatMayWaitForAnotherRead) {
  World world;
  min_period_ms = 100;
  const uint64_t from = world.now;
  // As fast as the source allows, so it may be up to 25 ms late.
  world.monitor.SetPeriod(world.series, kMillisecond);
  CHECK_EQ(world.monitor.next_due(), from + 100 * kMillisecond);
  Failure why;
  const auto read_at = [&](Metric metric, uint64_t period) {
    const uint32_t series =
        world.monitor.Subscribe(&world.environment, metric, Selector(), 0, kCell + 16, false, world.now, &why);
    world.monitor.SetPeriod(series, period);
    return world.monitor.FeedOf(series)->due;
  };
  const uint64_t near = read_at(Metric::kCpu, 130 * kMillisecond);
  CHECK(near > from + 110 * kMillisecond);
  CHECK(near < from + 125 * kMillisecond);
  CHECK_EQ(world.monitor.next_due(), near);
  read_at(Metric::kTemperature, 10 * kSecond);
  CHECK_EQ(world.monitor.next_due(), near);
}

TEST(MonitorReadsOnTimeWhatIsUrgent) {
  for (const bool urgent : {false, true}) {
    World world;
    min_period_ms = 100;
    const uint64_t from = world.now;
    world.monitor.SetPeriod(world.series, kMillisecond);
    Failure why;
    Selector other;
    other.pid = 5;
    const uint32_t series =
        world.monitor.Subscribe(&world.environment, Metric::kCpu, other, 0, kCell + 16, false, world.now, &why);
    world.monitor.SetPeriod(series, 130 * kMillisecond);
    const uint64_t near = world.monitor.FeedOf(series)->due;
    if (urgent) world.monitor.Hurry(world.monitor.FeedOf(world.series)->source->pid(), world.now);
    // It does not wait for a wake-up that it could share.
    CHECK_EQ(world.monitor.next_due(), urgent ? from + 100 * kMillisecond : near);
    CHECK_EQ(world.monitor.FeedOf(series)->due, near);
  }
}

TEST(MonitorAveragesOverNoStandstillOfFiveSeconds) {
  for (const uint64_t shorter : {0u, 1u}) {
    World world(Metric::kCpu);
    const Feed* feed = world.monitor.FeedOf(world.series);
    world.monitor.SetPeriod(world.series, 100 * kMillisecond);
    world.RunBusy(2 * kSecond, 0.5);
    total += 500, busy += 500;
    world.now += 5 * kSecond;
    world.monitor.Discount(Standstill{5 * kSecond - shorter, false}, world.now);
    world.monitor.Pass(world.now, 1);
    if (shorter == 0)
      CHECK_NEAR(feed->series.now().value, 50, 1);
    else
      CHECK(feed->series.now().value > 75);
  }
}

TEST(MonitorKeepsNothingOfASeriesThatMustExistAndDoesNot) {
  World world;
  failing = true;
  Failure why;
  CHECK_EQ(world.monitor.Subscribe(&world.environment, Metric::kTemperature, Selector(), 0, kCell + 16, true, world.now,
                                   &why),
           0u);
  CHECK_EQ(std::strcmp(why.text, "scripted failure"), 0);
  CHECK_EQ(world.monitor.series_count(), 1u);
}

TEST(MonitorDescribesASeries) {
  World world;
  min_period_ms = 20;
  CHECK_EQ(world.monitor.InfoOf(world.series).period, kNever);
  world.monitor.SetPeriod(world.series, kSecond);
  world.Run(3 * kSecond);
  const SubscriptionInfo info = world.monitor.InfoOf(world.series);
  CHECK_EQ(info.period, kSecond);
  CHECK_EQ(info.min_period, 20 * kMillisecond);
  CHECK_EQ(std::strcmp(info.origin, "script"), 0);
  CHECK(!info.failure.failed());
  failing = true;
  world.Run(2 * kSecond);
  CHECK_EQ(std::strcmp(world.monitor.InfoOf(world.series).failure.text, "scripted failure"), 0);
  CHECK_EQ(world.monitor.InfoOf(world.series + 1).min_period, 0u);
}

TEST(MonitorAnswersARequestWithoutTheSeriesThatAreClosed) {
  World world;
  world.monitor.SetPeriod(world.series, kSecond);
  const uint32_t wanted[] = {world.series + 1, world.series};
  world.monitor.Request(&world.environment, 7, wanted, 2, world.now);
  world.Run(2 * kSecond);
  CHECK_EQ(world.environment.answered.size(), 1u);
}

TEST(MonitorShowsEvidenceOfTheLimitsThatAreCrossed) {
  World world;
  const LimitRequest limits[] = {
      {world.series, LimitSpec{80, 72, 0, 0, true}, OnMissing::kUnavailable},
      {world.series, LimitSpec{90, 81, 0, 0, true}, OnMissing::kUnavailable},
  };
  GuardSpec spec;
  spec.within = 100 * kMillisecond;
  spec.flag = kFlag;
  const uint32_t guard = world.monitor.AddGuard(&world.environment, spec, limits, 2, world.now);
  level = 85;
  world.Run(kSecond);
  const auto evidence = world.monitor.EvidenceOf(guard, world.now);
  CHECK_EQ(evidence.size(), 1u);
  CHECK_EQ(evidence[0].limit, 0u);
}

TEST(MonitorPlaysConditionsBesideValues) {
  World world;
  const LimitRequest limits[] = {
      {0, LimitSpec{80, 72, 0, 0, true}, OnMissing::kUnavailable},
      {kCondition, LimitSpec{0.5, 0.5, 0, 0, true}, OnMissing::kUnavailable},
  };
  GuardSpec spec;
  spec.flag = kFlag;
  const uint32_t guard = world.monitor.AddGuard(&world.environment, spec, limits, 2, world.now);
  const auto play = [&](uint64_t at, double value) {
    const double values[] = {value, 0};
    world.monitor.PlayGuard(guard, at * kSecond, 0, values, 2);
    return world.State();
  };
  CHECK(play(10, 90) == LimitState::kBreached);
  // However long there is no value, it is not lost.
  for (uint64_t at = 11; at < 15; at++) {
    CHECK(play(at, std::numeric_limits<double>::infinity()) == LimitState::kBreached);
  }
  CHECK(play(15, 10) == LimitState::kClear);
  CHECK(world.monitor.StepCondition(guard, 1, 1, 0, 16 * kSecond));
  CHECK(play(16, 10) == LimitState::kBreached);
}
