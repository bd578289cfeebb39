// Limits judged together: any, all, holding, missing metrics.
#include "sampler/guard.h"
#include "check.h"

using namespace tripline;

namespace {

GuardSpec Spec(bool all, uint64_t min_hold = 0) {
  GuardSpec spec;
  spec.all = all;
  spec.min_hold = min_hold;
  return spec;
}

void SetState(Guard* guard, uint32_t index, LimitState state) { guard->limit(index).limit.state = state; }

}  // namespace

TEST(GuardAnyIsBreachedByOne) {
  Guard guard(nullptr, Spec(false), 2);
  CHECK(!guard.Judge(1));
  SetState(&guard, 1, LimitState::kBreached);
  CHECK(guard.Judge(2));
  CHECK(guard.state() == LimitState::kBreached);
  CHECK_EQ(guard.breaches(), 1u);
  CHECK_EQ(guard.limit(1).evidence.breach, 1u);
  CHECK_EQ(guard.limit(0).evidence.breach, 0u);
  SetState(&guard, 0, LimitState::kBreached);
  CHECK(!guard.Judge(3));
  CHECK_EQ(guard.limit(0).evidence.breach, 1u);
  SetState(&guard, 0, LimitState::kClear);
  SetState(&guard, 1, LimitState::kClear);
  CHECK(guard.Judge(4));
  CHECK(guard.state() == LimitState::kClear);
}

TEST(GuardAllNeedsEveryLimitAndKeepsTheirProof) {
  Guard guard(nullptr, Spec(true), 2);
  SetState(&guard, 0, LimitState::kBreached);
  CHECK(!guard.Judge(1));
  SetState(&guard, 1, LimitState::kBreached);
  CHECK(guard.Judge(2));
  CHECK_EQ(guard.limit(0).evidence.breach, 1u);
  CHECK_EQ(guard.limit(1).evidence.breach, 1u);
  SetState(&guard, 0, LimitState::kClear);
  CHECK(guard.Judge(3));
  CHECK(!guard.breached());
}

TEST(GuardHoldsForItsMinimum) {
  Guard guard(nullptr, Spec(false, 100), 1);
  SetState(&guard, 0, LimitState::kBreached);
  guard.Judge(1000);
  SetState(&guard, 0, LimitState::kClear);
  CHECK(!guard.Judge(1050));
  CHECK(guard.state() == LimitState::kClearing);
  CHECK_EQ(guard.hold_end(), 1100u);
  CHECK(guard.Judge(1100));
  CHECK(guard.state() == LimitState::kClear);
  CHECK(guard.hold_end() == UINT64_MAX);
}

TEST(GuardWithAMissingMetric) {
  Guard guard(nullptr, Spec(false), 2);
  SetState(&guard, 0, LimitState::kUnavailable);
  CHECK(guard.Judge(1));
  CHECK(guard.state() == LimitState::kUnavailable);
  // What is still there goes on counting.
  SetState(&guard, 1, LimitState::kBreached);
  CHECK(guard.Judge(2));
  CHECK(guard.state() == LimitState::kBreached);
}

TEST(GuardMissingAsAskedFor) {
  Guard breach(nullptr, Spec(false), 1);
  breach.limit(0).on_missing = OnMissing::kBreach;
  SetState(&breach, 0, LimitState::kUnavailable);
  CHECK(breach.Judge(1));
  CHECK(breach.breached());

  Guard ignore(nullptr, Spec(true), 2);
  ignore.limit(0).on_missing = OnMissing::kIgnore;
  SetState(&ignore, 0, LimitState::kUnavailable);
  CHECK(!ignore.Judge(1));
  SetState(&ignore, 1, LimitState::kBreached);
  CHECK(ignore.Judge(2));
  CHECK(ignore.breached());
}
