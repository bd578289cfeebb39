// Which guards are judged, and when: those with a changed limit, and those that their hold alone keeps breached.
#include "sampler/verdicts.h"

#include "check.h"
#include "sampler/environment.h"
#include "util/time.h"

using namespace tripline;

namespace {

constexpr uint32_t kFlag = 40;

void Nothing(void*) {}

struct World {
  Environment environment{Nothing, nullptr};
  int32_t words[64] = {};
  Verdicts verdicts;

  World() { environment.board.Attach(words, 64); }

  GuardSpec Spec(uint64_t min_hold) {
    GuardSpec spec;
    spec.min_hold = min_hold;
    spec.flag = kFlag;
    return spec;
  }
  LimitState State() const { return static_cast<LimitState>(words[kFlag] & 7); }
  void Set(Guard* guard, LimitState state, uint64_t now) {
    guard->limit(0).limit.state = state;
    verdicts.Add(guard);
    verdicts.Judge(now);
  }
};

}  // namespace

TEST(VerdictsForgetWhatTheyHaveJudged) {
  World world;
  Guard guard(&world.environment, world.Spec(0), 1);
  CHECK(world.verdicts.idle());
  world.verdicts.Add(&guard);
  CHECK(!world.verdicts.idle());
  world.verdicts.Judge(kSecond);
  CHECK(world.verdicts.idle());
  CHECK(!guard.dirty);
  CHECK_EQ(world.verdicts.NextRelease(), kNever);
}

TEST(VerdictsDeliverEdgesAlone) {
  World world;
  Guard guard(&world.environment, world.Spec(0), 1);
  world.Set(&guard, LimitState::kPending, kSecond);
  CHECK(world.State() == LimitState::kPending);
  CHECK(world.environment.undelivered.empty());
  CHECK_EQ(world.words[0], 0);
  world.Set(&guard, LimitState::kBreached, 2 * kSecond);
  CHECK_EQ(world.environment.undelivered.size(), 1u);
  CHECK_EQ(world.words[0], 1);
  // Without an edge, the flag follows and nothing is delivered.
  world.environment.Drained();
  world.Set(&guard, LimitState::kClearing, 3 * kSecond);
  CHECK(world.State() == LimitState::kClearing);
  CHECK(world.environment.undelivered.empty());
  CHECK_EQ(world.words[0], 1);
  world.Set(&guard, LimitState::kClear, 4 * kSecond);
  CHECK_EQ(world.environment.undelivered.size(), 1u);
  CHECK_EQ(world.words[0], 2);
}

TEST(VerdictsJudgeAgainWhenAHoldEnds) {
  World world;
  Guard held(&world.environment, world.Spec(10 * kSecond), 1);
  world.Set(&held, LimitState::kBreached, kSecond);
  CHECK_EQ(world.verdicts.NextRelease(), kNever);
  world.Set(&held, LimitState::kClear, 3 * kSecond);
  CHECK(world.State() == LimitState::kClearing);
  CHECK_EQ(world.verdicts.NextRelease(), 11 * kSecond);
  CHECK(!world.verdicts.idle());
  // Judged again before that, it is still held once.
  world.Set(&held, LimitState::kClear, 4 * kSecond);
  world.verdicts.Judge(11 * kSecond - 1);
  CHECK(world.State() == LimitState::kClearing);
  world.verdicts.Judge(11 * kSecond);
  CHECK(world.State() == LimitState::kClear);
  CHECK(world.verdicts.idle());
  CHECK_EQ(world.verdicts.NextRelease(), kNever);
}

TEST(VerdictsForgetAGuardThatIsHeld) {
  World world;
  Guard first(&world.environment, world.Spec(10 * kSecond), 1);
  Guard second(&world.environment, world.Spec(20 * kSecond), 1);
  for (Guard* each : {&first, &second}) {
    world.Set(each, LimitState::kBreached, kSecond);
    world.Set(each, LimitState::kClear, 2 * kSecond);
  }
  CHECK_EQ(world.verdicts.NextRelease(), 11 * kSecond);
  world.verdicts.Forget(&first);
  CHECK_EQ(world.verdicts.NextRelease(), 21 * kSecond);
  world.verdicts.Forget(&second);
  CHECK(world.verdicts.idle());
}

TEST(VerdictsEndAHoldThatIsJudgedLate) {
  World world;
  Guard held(&world.environment, world.Spec(10 * kSecond), 1);
  world.Set(&held, LimitState::kBreached, kSecond);
  world.Set(&held, LimitState::kClear, 3 * kSecond);
  world.verdicts.Judge(12 * kSecond);
  CHECK(world.State() == LimitState::kClear);
}
