// Regions on the sampling thread, over a scripted system: when their thread is interrupted, and when the sampling
// thread runs for them.
#include "scripted_system/world.h"

using namespace tripline;
using tripline::test::Script;
using tripline::test::System;
using tripline::test::World;

namespace {

constexpr uint32_t kFlag = 40;

int interrupts = 0;
void Interrupt(void*) { interrupts++; }

// A thread with regions. The sampler keeps it for good.
Regions::Stack* TheStack() {
  static Regions::Stack stack{Interrupt, nullptr};
  static const bool added = [] {
    Sampler::Get()->regions().Add(&stack);
    return true;
  }();
  (void)added;
  return &stack;
}

Regions::Test At(uint64_t when, bool last = true) { return {Regions::Test::kTime, last, when, nullptr, 0}; }
Regions::Test Not(const int32_t* word, int32_t value, bool last = true) {
  return {Regions::Test::kWord, last, static_cast<uint64_t>(value), word, 0};
}
Regions::Test MoreThan(uint64_t breaches, bool last = true) {
  return {Regions::Test::kFlag, last, breaches, nullptr, kFlag};
}

// An environment whose thread has regions.
struct RegionWorld : Script, World {
  Regions& regions = sampler->regions();
  Regions::Stack* const stack = TheStack();

  RegionWorld() {
    interrupts = 0;
    regions.SetRetry(stack, Regions::kRetry);
  }
  ~RegionWorld() { CHECK(stack->top == nullptr); }

  bool Enter(Regions::Region* region, std::initializer_list<Regions::Test> tests) {
    region->environment = &environment;
    for (const auto& each : tests) region->tests.push_back(each);
    return regions.Enter(stack, region, &why);
  }
  // Whether running for this long interrupts at all.
  bool Interrupts(uint64_t time) {
    const int before = interrupts;
    System::Run(time);
    return interrupts > before;
  }
};

}  // namespace

TEST(RegionIsInterruptedAtItsDeadlineUntilItEnds) {
  RegionWorld world;
  Regions::Region region;
  CHECK(world.Enter(&region, {At(System::now() + 50 * kMillisecond)}));
  CHECK(!world.Interrupts(50 * kMillisecond - 1));
  CHECK(!world.regions.IsOrdered(world.stack));
  CHECK(world.Interrupts(1));
  CHECK_EQ(interrupts, 1);
  CHECK(world.regions.IsOrdered(world.stack));
  CHECK_EQ(region.term, 0u);
  // Again after every retry.
  System::Run(3 * Regions::kRetry);
  CHECK_EQ(interrupts, 4);
  world.regions.SetRetry(world.stack, 10 * Regions::kRetry);
  System::Run(Regions::kRetry);
  CHECK_EQ(interrupts, 5);
  CHECK(!world.Interrupts(9 * Regions::kRetry));
  CHECK(world.Interrupts(Regions::kRetry));
  world.regions.Leave(world.stack);
  CHECK(!world.Interrupts(kSecond));
}

TEST(RegionIsInterruptedWhenAWordChanges) {
  RegionWorld world;
  int32_t word = 3;
  Regions::Region region;
  CHECK(world.Enter(&region, {Not(&word, 3)}));
  CHECK(!world.Interrupts(kSecond));
  word = 4;
  CHECK(world.regions.IsOrdered(world.stack));
  CHECK(world.Interrupts(2 * kMillisecond));
  world.regions.Leave(world.stack);
}

TEST(RegionIsInterruptedByABreachThatIsNew) {
  RegionWorld world;
  world.environment.board.WriteFlag(kFlag, 2, 5);
  Regions::Region region;
  CHECK(world.Enter(&region, {MoreThan(5)}));
  CHECK(!world.Interrupts(kSecond));
  world.environment.board.WriteFlag(kFlag, 2, 6);
  CHECK(world.Interrupts(2 * kMillisecond));
  world.regions.Leave(world.stack);
}

TEST(RegionEndsByTheFirstTermOfWhichAllIsTrue) {
  RegionWorld world;
  int32_t words[] = {0, 0, 0};
  Regions::Region region;
  CHECK(world.Enter(&region, {Not(&words[0], 0, false), Not(&words[1], 0), Not(&words[2], 0)}));
  words[1] = 1;
  CHECK(!world.Interrupts(kSecond));
  CHECK(!world.regions.IsOrdered(world.stack));
  words[2] = 1;
  CHECK(world.Interrupts(2 * kMillisecond));
  CHECK_EQ(region.term, 1u);
  // What becomes true later changes nothing.
  words[0] = 1;
  System::Run(10 * kMillisecond);
  CHECK_EQ(region.term, 1u);
  world.regions.Leave(world.stack);

  Regions::Region whole;
  words[2] = 0;
  CHECK(world.Enter(&whole, {Not(&words[2], 0), Not(&words[0], 0, false), Not(&words[1], 0)}));
  CHECK(world.regions.IsOrdered(world.stack));
  CHECK_EQ(whole.term, 1u);
  world.regions.Leave(world.stack);
}

TEST(RegionWithinOneThatEndsIsInterruptedToo) {
  RegionWorld world;
  Regions::Region outer, inner;
  CHECK(world.Enter(&outer, {At(System::now() + 10 * kMillisecond)}));
  CHECK(world.Enter(&inner, {At(System::now() + 20 * kMillisecond)}));
  CHECK(inner.outer == &outer);
  CHECK(world.Interrupts(10 * kMillisecond));
  CHECK(outer.ordered);
  CHECK(!inner.ordered);
  CHECK(world.regions.IsOrdered(world.stack));
  world.regions.Leave(world.stack);
  CHECK(world.regions.IsOrdered(world.stack));
  world.regions.Leave(world.stack);
  CHECK(!world.regions.IsOrdered(world.stack));
}

TEST(RegionAroundOneThatEndsGoesOn) {
  RegionWorld world;
  Regions::Region outer, inner;
  CHECK(world.Enter(&outer, {At(System::now() + kSecond)}));
  CHECK(world.Enter(&inner, {At(System::now() + 10 * kMillisecond)}));
  CHECK(world.Interrupts(10 * kMillisecond));
  world.regions.Leave(world.stack);
  CHECK(world.stack->top == &outer);
  CHECK(!world.regions.IsOrdered(world.stack));
  CHECK(!world.Interrupts(900 * kMillisecond));
  CHECK(world.Interrupts(100 * kMillisecond));
  world.regions.Leave(world.stack);
}

TEST(RegionThatIsOrderedToEndIsInterruptedAtOnce) {
  RegionWorld world;
  Regions::Region region;
  CHECK(world.Enter(&region, {}));
  CHECK(!world.Interrupts(kSecond));
  world.regions.Order(world.stack, &region);
  CHECK_EQ(interrupts, 1);
  CHECK_EQ(region.term, UINT32_MAX);
  CHECK(world.Interrupts(Regions::kRetry));
  // Nothing takes the order back.
  List<Regions::Test> none;
  CHECK(world.regions.Watch(&region, &none, &world.why));
  CHECK(world.regions.IsOrdered(world.stack));
  world.regions.Leave(world.stack);
}

TEST(RegionThatShowsLifeIsNotEndedForTheOldDeadline) {
  RegionWorld world;
  Regions::Region region;
  CHECK(world.Enter(&region, {At(System::now() + 10 * kMillisecond)}));
  CHECK(world.Interrupts(10 * kMillisecond));
  List<Regions::Test> later;
  later.push_back(At(System::now() + 30 * kMillisecond));
  CHECK(world.regions.Watch(&region, &later, &world.why));
  CHECK(!world.regions.IsOrdered(world.stack));
  CHECK(!world.Interrupts(30 * kMillisecond - 1));
  CHECK(world.Interrupts(1));
  // A sooner deadline counts too, although the thread meant to come later.
  later.clear();
  later.push_back(At(System::now() + kSecond));
  world.regions.Watch(&region, &later, &world.why);
  System::Run(100 * kMillisecond);
  later.clear();
  later.push_back(At(System::now() + 10 * kMillisecond));
  world.regions.Watch(&region, &later, &world.why);
  CHECK(world.Interrupts(10 * kMillisecond));
  world.regions.Leave(world.stack);
}

TEST(RegionKeepsTheThreadAndNothingElseDoes) {
  RegionWorld world;
  Regions::Region region;
  CHECK(world.Enter(&region, {At(System::now() + 60 * kSecond)}));
  System::Run(kSecond);
  CHECK_EQ(System::threads(), 1);
  world.regions.Leave(world.stack);
  System::Run(61 * kSecond);
  CHECK_EQ(System::threads(), 0);
  // A region without tests needs no thread.
  Regions::Region idle;
  CHECK(world.Enter(&idle, {}));
  System::Run(kSecond);
  CHECK_EQ(System::threads(), 0);
  world.regions.Leave(world.stack);
}

TEST(RegionThatCannotBeWatchedIsNotEntered) {
  RegionWorld world;
  System::refuse_threads = true;
  Regions::Region region;
  CHECK(!world.Enter(&region, {At(System::now() + kSecond)}));
  CHECK(world.why.failed());
  CHECK(world.stack->top == nullptr);
  System::refuse_threads = false;
  Regions::Region next;
  CHECK(world.Enter(&next, {At(System::now() + 10 * kMillisecond)}));
  CHECK(world.Interrupts(10 * kMillisecond));
  world.regions.Leave(world.stack);
}

TEST(RegionsOfOneLengthWakeTheThreadOnce) {
  RegionWorld world;
  for (int i = 0; i < 100; i++) {
    Regions::Region region;
    CHECK(world.Enter(&region, {At(System::now() + 100 * kMillisecond)}));
    world.regions.Leave(world.stack);
    if (i == 0) System::Settle();
  }
  const int before = System::wakes();
  Regions::Region region;
  CHECK(world.Enter(&region, {At(System::now() + 100 * kMillisecond)}));
  CHECK_EQ(System::wakes(), before);
  CHECK(world.Interrupts(100 * kMillisecond));
  world.regions.Leave(world.stack);
}

TEST(RegionIsPolledWhereverItsWordStands) {
  RegionWorld world;
  int32_t word = 0;
  Regions::Region region;
  // The deadline comes first, and is far away.
  CHECK(world.Enter(&region, {At(System::now() + 60 * kSecond), Not(&word, 0)}));
  CHECK(!world.Interrupts(kSecond));
  word = 1;
  CHECK(world.Interrupts(2 * kMillisecond));
  CHECK_EQ(region.term, 1u);
  world.regions.Leave(world.stack);
}

TEST(RegionIsNotCheckedAllTheTimeOnceAPartOfATermIsTrue) {
  RegionWorld world;
  int32_t word = 0;
  Regions::Region region;
  CHECK(world.Enter(&region, {At(System::now() + 10 * kMillisecond, false), Not(&word, 0)}));
  const uint64_t wakeups = world.sampler->Stats().wakeups;
  CHECK(!world.Interrupts(100 * kMillisecond));
  // Every two milliseconds, which meet the deadline.
  CHECK_NEAR(static_cast<double>(world.sampler->Stats().wakeups - wakeups), 50, 1);
  word = 1;
  CHECK(world.Interrupts(2 * kMillisecond));
  world.regions.Leave(world.stack);
}

TEST(RegionThatIsOrderedIsNoLongerPolled) {
  RegionWorld world;
  world.regions.SetRetry(world.stack, 100 * kMillisecond);
  int32_t word = 0;
  Regions::Region region;
  CHECK(world.Enter(&region, {Not(&word, 0)}));
  word = 1;
  CHECK(world.Interrupts(2 * kMillisecond));
  const uint64_t wakeups = world.sampler->Stats().wakeups;
  System::Run(kSecond);
  CHECK_NEAR(static_cast<double>(world.sampler->Stats().wakeups - wakeups), 10, 1);
  world.regions.Leave(world.stack);
}

TEST(RegionWithinOneThatIsPolledWakesNothing) {
  RegionWorld world;
  int32_t word = 0;
  Regions::Region outer, inner;
  CHECK(world.Enter(&outer, {Not(&word, 0)}));
  System::Settle();
  const int wakes = System::wakes();
  CHECK(world.Enter(&inner, {Not(&word, 0)}));
  CHECK_EQ(System::wakes(), wakes);
  world.regions.Leave(world.stack);
  world.regions.Leave(world.stack);
}

TEST(RegionWhoseDeadlineHasPassedIsInterruptedAtOnce) {
  RegionWorld world;
  Regions::Region region;
  CHECK(world.Enter(&region, {At(System::now() - kMillisecond)}));
  CHECK(world.Interrupts(0));
  world.regions.Leave(world.stack);
}

TEST(RegionsDeadlineWakesTheThreadOnce) {
  RegionWorld world;
  Regions::Region region;
  CHECK(world.Enter(&region, {At(System::now() + 10 * kMillisecond)}));
  System::Settle();
  const uint64_t wakeups = world.sampler->Stats().wakeups;
  world.regions.SetRetry(world.stack, kSecond);
  CHECK(world.Interrupts(10 * kMillisecond));
  CHECK_EQ(world.sampler->Stats().wakeups, wakeups + 1);
  world.regions.Leave(world.stack);
}

TEST(RegionsOfOneDeadlineAreCheckedOnceAtIt) {
  RegionWorld world;
  const uint64_t deadline = System::now() + 10 * kMillisecond;
  Regions::Region outer, inner;
  CHECK(world.Enter(&outer, {At(deadline)}));
  System::Settle();
  // The thread comes in time for this one, and is not woken.
  CHECK(world.Enter(&inner, {At(deadline)}));
  const uint64_t wakeups = world.sampler->Stats().wakeups;
  System::Run(10 * kMillisecond);
  CHECK_EQ(interrupts, 1);
  CHECK_EQ(world.sampler->Stats().wakeups, wakeups + 1);
  world.regions.Leave(world.stack);
  world.regions.Leave(world.stack);
}
