// Push triggers of the sampler, over a scripted system: when they are armed, what they cause, and when they are taken
// down.
#include "scripted_system/world.h"

using namespace tripline;
using tripline::test::Script;
using tripline::test::System;
using tripline::test::World;

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

TEST(PushTriggersAreArmedForMetricsAlone) {
  Pushed pushed;
  const LimitRequest limits[] = {
      World::Above(pushed.series, 80),
      {kCondition, LimitSpec{0.5, 0.5, 0, 0, true}, OnMissing::kUnavailable},
  };
  GuardSpec spec;
  spec.within = 10 * kSecond;
  spec.flag = pushed.world.flags++;
  pushed.world.sampler->AddGuard(&pushed.world.environment, spec, limits, 2, &pushed.world.why);
  CHECK_EQ(System::made(), 1);
  // One that plays values asks the kernel for nothing.
  pushed.world.Guard(World::Above(0, 70), 10 * kSecond);
  CHECK_EQ(System::made(), 1);
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

TEST(PushTriggersFollowTheNearestLineFromAbove) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kMemoryAvailable);
  System::Of(Metric::kMemoryAvailable).level = 1e9;
  const auto guard = [&](double enter) {
    const LimitRequest below = {series, LimitSpec{enter, enter * 1.1, 0, 0, false}, OnMissing::kUnavailable};
    return world.Guard(below, 10 * kSecond);
  };
  guard(100);
  CHECK_EQ(System::made(), 1);
  // The same line, and one that is farther away.
  guard(100);
  guard(50);
  CHECK_EQ(System::made(), 1);
  guard(200);
  CHECK_EQ(System::made(), 2);
  CHECK_NEAR(System::line(), 200, 0);
}

TEST(PushTriggersOfTheSameLineAreThoseOfBefore) {
  Pushed pushed;
  pushed.Guard(80);
  pushed.Guard(80);
  CHECK_EQ(System::made(), 1);
}

TEST(PushTriggersOfALaterGuardAreItsOwn) {
  Pushed pushed;
  pushed.world.sampler->RemoveGuard(pushed.Guard(80));
  System::Settle();
  CHECK_EQ(System::watched(), 0);
  pushed.Guard(90);
  CHECK_EQ(System::made(), 2);
  CHECK_NEAR(System::line(), 90, 0);
  CHECK_EQ(System::watched(), 2);
}

TEST(PushTriggersThatFireBesideThoseThatAreTakenDownCount) {
  Pushed pushed;
  World& world = pushed.world;
  const uint32_t guard = pushed.Guard(80);
  const uint32_t other = world.Subscribe(Metric::kMemoryHost);
  world.Guard(World::Above(other, 80), 10 * kSecond);
  System::Run(kSecond);
  CHECK_EQ(System::watched(), 4);
  const uint64_t rings = world.sampler->Stats().rings;
  System::Of(Metric::kMemoryHost).level = 95;
  System::Fire();
  world.sampler->RemoveGuard(guard);
  System::Settle();
  CHECK_EQ(world.sampler->Stats().rings, rings + 2);
  CHECK(world.StateAt(1) == LimitState::kBreached);
}
