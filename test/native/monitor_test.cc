// Series, guards and readers together, as the sampling thread runs them, with scripted probes and a simulated clock.
#include "sampler/monitor.h"

#include <cstring>
#include <limits>

#include "monitor_world.h"

using namespace tripline;
using namespace tripline::test;

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
  world.monitor.Discount(Standstill{5 * kSecond, true}, world.now);
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
  CHECK(world.State() == LimitState::kBreached);
  CHECK(play(16, 10) == LimitState::kBreached);
}

TEST(MonitorIgnoresNumbersThatAreGone) {
  World world;
  const uint32_t guard = world.Guard(0);
  const uint32_t series = world.Subscribe(Metric::kTemperature);
  world.monitor.RemoveGuard(guard);
  world.monitor.Unsubscribe(series, world.now);
  for (int again = 0; again < 2; again++) {
    world.monitor.RemoveGuard(guard);
    world.monitor.Unsubscribe(series, world.now);
    world.monitor.SetPeriod(series, kSecond);
  }
  const double value = 95;
  CHECK_EQ(world.monitor.PlayGuard(guard, world.now, 0, &value, 1), kNever);
  CHECK(!world.monitor.StepCondition(guard, 0, 1, 0, world.now));
  CHECK_EQ(world.monitor.EvidenceOf(guard, world.now).size(), 0u);
  CHECK(world.monitor.FeedOf(series) == nullptr);
  CHECK_EQ(world.monitor.next_due(), kNever);
  // Nor do they stop what goes over all of them.
  world.Guard(0);
  world.monitor.RemoveGuard(guard);
  world.monitor.Discount(Standstill{kSecond, true}, world.now);
}

TEST(MonitorCountsWhatItHas) {
  World world;
  const LimitRequest limits[] = {
      {world.series, LimitSpec{80, 72, 0, 0, true}, OnMissing::kUnavailable},
      {world.series, LimitSpec{90, 81, 0, 0, true}, OnMissing::kUnavailable},
  };
  GuardSpec spec;
  spec.within = kSecond;
  spec.flag = kFlag;
  const uint32_t guard = world.monitor.AddGuard(&world.environment, spec, limits, 2, world.now);
  world.Guard(0);
  CHECK_EQ(world.monitor.guard_count(), 2u);
  CHECK_EQ(world.monitor.limit_count(), 3u);
  CHECK_EQ(world.monitor.series_count(), 1u);
  world.monitor.RemoveGuard(guard);
  CHECK_EQ(world.monitor.guard_count(), 1u);
  CHECK_EQ(world.monitor.limit_count(), 1u);
}

TEST(MonitorRefusesASeriesThatMustExistWithoutAProbe) {
  World world;
  missing = true;
  CHECK_EQ(world.Subscribe(Metric::kTemperature, true), 0u);
  CHECK_EQ(std::strcmp(world.why.text, "scripted absence"), 0);
  CHECK(world.Subscribe(Metric::kTemperature) != 0);
}

TEST(MonitorJudgesWhatANewReaderHasRead) {
  World world;
  world.Add(kFlag, LimitSpec{80, 72, 0, 0, true}, 10 * kSecond);
  level = 95;
  world.now += kSecond;
  CHECK(world.State() == LimitState::kClear);
  world.Subscribe(Metric::kDisk);
  CHECK(world.State() == LimitState::kBreached);
}

TEST(MonitorJudgesANewGuardByTheValueThatIsThere) {
  World world;
  level = 95;
  world.now += kSecond;
  world.Subscribe(Metric::kDisk);
  const uint64_t reads = world.monitor.reads();
  world.Guard(0);
  CHECK(world.State() == LimitState::kBreached);
  CHECK_EQ(world.monitor.reads(), reads);
}

TEST(MonitorHasNoVerdictBeforeAShareIsKnown) {
  World world(Metric::kCpu);
  const uint32_t guard = world.Guard(0);
  CHECK(world.State() == LimitState::kClear);
  // Nor evidence before a breach.
  CHECK_EQ(world.monitor.EvidenceOf(guard, world.now).size(), 0u);
}

TEST(MonitorReadsAtTheFastestPeriodThatIsAskedFor) {
  World world;
  min_period_ms = 10;
  world.monitor.SetPeriod(world.series, 10 * kSecond);
  CHECK(world.monitor.next_due() > world.now + 8 * kSecond);
  const uint32_t fast = world.Subscribe(Metric::kDisk);
  CHECK(world.monitor.next_due() > world.now + 8 * kSecond);
  world.monitor.SetPeriod(fast, 100 * kMillisecond);
  CHECK(world.monitor.next_due() <= world.now + 100 * kMillisecond);
  world.monitor.Unsubscribe(fast, world.now);
  CHECK(world.monitor.next_due() > world.now + 8 * kSecond);
}

TEST(MonitorReadsNothingMoreWhenItsLastGuardIsGone) {
  World world;
  const uint32_t guard = world.Guard(0);
  CHECK(world.monitor.next_due() != kNever);
  CHECK(!world.monitor.idle());
  world.monitor.RemoveGuard(guard);
  CHECK_EQ(world.monitor.next_due(), kNever);
  CHECK(world.monitor.idle());
}

TEST(MonitorForgetsAGuardThatOnlyItsHoldKeepsBreached) {
  World world;
  world.Guard(0);
  const uint32_t guard = world.Add(kFlag + 1, LimitSpec{80, 72, 0, 0, true}, kSecond, 60 * kSecond);
  level = 95;
  world.Run(2 * kSecond);
  level = 10;
  world.Run(2 * kSecond);
  CHECK(world.State(kFlag + 1) == LimitState::kClearing);
  world.environment.Drained();
  world.monitor.RemoveGuard(guard);
  world.Run(58 * kSecond);
  CHECK(world.State(kFlag + 1) == LimitState::kClearing);
  CHECK(world.environment.undelivered.empty());
}

TEST(MonitorDeliversNothingOfAGuardThatIsGone) {
  World world;
  const uint32_t guard = world.Guard(0);
  level = 95;
  world.Run(kSecond);
  CHECK_EQ(world.environment.undelivered.size(), 1u);
  world.monitor.RemoveGuard(guard);
  CHECK(world.environment.undelivered.empty());
}

TEST(MonitorAnswersForTheSeriesOfARequestAlone) {
  World world;
  const uint32_t never = world.Subscribe(Metric::kCpu);
  world.monitor.SetPeriod(world.series, kSecond);
  const uint32_t wanted[] = {world.series, never};
  world.monitor.Request(&world.environment, 7, wanted, 1, world.now);
  CHECK(!world.monitor.idle());
  world.Run(2 * kSecond);
  CHECK_EQ(world.environment.answered.size(), 1u);
}

TEST(MonitorEndsOneEnvironmentAndNoOther) {
  World world;
  int32_t words[64] = {};
  Environment other{Nothing, nullptr};
  other.board.Attach(words, 64);
  const uint32_t series =
      world.monitor.Subscribe(&other, Metric::kDisk, Selector(), 0, kCell, true, world.now, &world.why);
  LimitRequest limit = {series, LimitSpec{80, 72, 0, 0, true}, OnMissing::kUnavailable};
  GuardSpec spec;
  spec.within = 100 * kMillisecond;
  spec.flag = kFlag;
  const uint32_t gone = world.monitor.AddGuard(&other, spec, &limit, 1, world.now);
  world.monitor.RemoveGuard(gone);
  const uint32_t never = world.Subscribe(Metric::kTemperature);
  world.monitor.Unsubscribe(never, world.now);
  world.Guard(0);
  world.monitor.AddGuard(&other, spec, &limit, 1, world.now);
  world.monitor.Request(&other, 7, &series, 1, world.now);
  world.monitor.Request(&world.environment, 8, &world.series, 1, world.now);
  world.monitor.RemoveEnvironment(&other, world.now);
  CHECK_EQ(world.monitor.guard_count(), 1u);
  CHECK(world.monitor.FeedOf(series) == nullptr);
  CHECK(world.feed() != nullptr);
  level = 95;
  world.Run(kSecond);
  CHECK(world.State() == LimitState::kBreached);
  CHECK_EQ(words[kFlag] & 7, 0);
  CHECK(other.answered.empty());
  CHECK_EQ(world.environment.answered.size(), 1u);
}

TEST(MonitorKeepsNoSourceAfterItsThread) {
  World world;
  const int before = probes;
  world.monitor.set_running(true);
  const uint32_t series = world.Subscribe(Metric::kTemperature);
  CHECK_EQ(probes, before + 1);
  world.monitor.Unsubscribe(series, world.now);
  CHECK_EQ(probes, before + 1);
  world.monitor.Stop();
  CHECK_EQ(probes, before);
  // While it runs, passes drop them.
  world.monitor.Unsubscribe(world.Subscribe(Metric::kTemperature), world.now);
  world.now += kSecond;
  CHECK(!world.monitor.Pass(world.now, 1));
  CHECK_EQ(probes, before);
}

TEST(MonitorReadsOnlyWhatIsDue) {
  World world;
  min_period_ms = 10;
  world.monitor.SetPeriod(world.series, 10 * kSecond);
  const uint32_t fast = world.Subscribe(Metric::kTemperature);
  world.monitor.SetPeriod(fast, 100 * kMillisecond);
  const uint64_t before = world.monitor.reads();
  world.Run(kSecond);
  CHECK_NEAR(static_cast<double>(world.monitor.reads() - before), 10, 1);
}

TEST(MonitorWakesOnceForReadsThatAreDueWithinTheirPatience) {
  World world;
  min_period_ms = 100;
  const uint64_t from = world.now;
  // May be 25 ms late, which is exactly when the other is due.
  world.monitor.SetPeriod(world.series, kMillisecond);
  world.monitor.SetPeriod(world.Subscribe(Metric::kCpu), 125 * kMillisecond);
  CHECK_EQ(world.monitor.next_due(), from + 125 * kMillisecond);
}

TEST(MonitorMayReadEarlyWhatIsNotLimitedByItsSource) {
  World world;
  min_period_ms = 100;
  world.monitor.SetPeriod(world.series, 100 * kMillisecond);
  CHECK_EQ(world.feed()->patience(), 0u);
  CHECK(world.feed()->slack() > 0);
  world.monitor.SetPeriod(world.series, 100 * kMillisecond - 1);
  CHECK_EQ(world.feed()->patience(), 25 * kMillisecond);
  CHECK_EQ(world.feed()->slack(), 0u);
  world.monitor.SetPeriod(world.series, kNever);
  CHECK_EQ(world.feed()->patience(), 0u);
}

TEST(MonitorAveragesOverAStandstillThatFitsIntoTheWindow) {
  for (const uint64_t longer : {0u, 1u}) {
    World world(Metric::kCpu);
    world.monitor.SetPeriod(world.series, 100 * kMillisecond);
    world.RunBusy(2 * kSecond, 0.5);
    total += 50, busy += 50;
    world.now += 500 * kMillisecond;
    world.monitor.Discount(Standstill{500 * kMillisecond + longer, true}, world.now);
    world.monitor.Pass(world.now, 1);
    if (longer == 0)
      CHECK(world.feed()->series.now().value > 75);
    else
      CHECK_NEAR(world.feed()->series.now().value, 50, 1);
  }
}

TEST(MonitorCutsALongOrigin) {
  World world;
  char path[600];
  std::memset(path, 'x', sizeof(path));
  path[599] = '\0';
  origin = path;
  CHECK_EQ(std::strlen(world.monitor.InfoOf(world.series).origin), 511u);
  origin = "script";
}

TEST(MonitorPlaysTheEndOfADwellAndOfAHold) {
  World world;
  const LimitRequest limits[] = {
      {0, LimitSpec{80, 72, 2 * kSecond, 0, true}, OnMissing::kUnavailable},
      {0, LimitSpec{80, 72, 4 * kSecond, 0, true}, OnMissing::kUnavailable},
  };
  GuardSpec spec;
  spec.min_hold = 5 * kSecond;
  spec.flag = kFlag;
  const uint32_t guard = world.monitor.AddGuard(&world.environment, spec, limits, 2, world.now);
  const auto play = [&](uint64_t at, double one, double other) {
    const double values[] = {one, other};
    return world.monitor.PlayGuard(guard, at * kSecond, 0, values, 2);
  };
  const double none = std::numeric_limits<double>::infinity();
  // Too few values.
  const double value = 95;
  CHECK_EQ(world.monitor.PlayGuard(guard, 9 * kSecond, 0, &value, 1), kNever);
  CHECK_EQ(play(10, 95, 95), 12 * kSecond);
  CHECK_EQ(play(11, none, none), 12 * kSecond);
  // A dwell that is over changes nothing by itself.
  CHECK_EQ(play(12, none, none), 14 * kSecond);
  CHECK_EQ(play(15, none, none), kNever);
  CHECK_EQ(play(16, 95, 10), kNever);
  CHECK(world.State() == LimitState::kBreached);
  CHECK_EQ(play(17, 10, 95), 21 * kSecond);
  CHECK(world.State() == LimitState::kClearing);
  // The machine's clock is far ahead of its own.
  world.monitor.Pass(world.now, 1);
  CHECK(world.State() == LimitState::kClearing);
  CHECK_EQ(play(18, 10, 10), 21 * kSecond);
  CHECK_EQ(play(21, 10, 10), kNever);
  CHECK(world.State() == LimitState::kClear);
}

TEST(MonitorHoldsAPlayedConditionOnItsOwnTime) {
  World world;
  const LimitRequest limits[] = {
      {0, LimitSpec{80, 72, 0, 0, true}, OnMissing::kUnavailable},
      {kCondition, LimitSpec{0.5, 0.5, 0, 0, true}, OnMissing::kUnavailable},
  };
  GuardSpec spec;
  spec.min_hold = 5 * kSecond;
  spec.flag = kFlag;
  const uint32_t guard = world.monitor.AddGuard(&world.environment, spec, limits, 2, world.now);
  CHECK(world.monitor.StepCondition(guard, 1, 1, 0, 10 * kSecond));
  CHECK(!world.monitor.StepCondition(guard, 1, 0, 0, 11 * kSecond));
  CHECK(world.State() == LimitState::kClearing);
  // A check that changes nothing does not hand it to the machine's clock either.
  CHECK(!world.monitor.StepCondition(guard, 1, 0, 0, 12 * kSecond));
  CHECK_EQ(world.monitor.next_due(), kNever);
  world.monitor.Pass(world.now, 1);
  CHECK(world.State() == LimitState::kClearing);
}
