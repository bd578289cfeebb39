// Guards with several limits: modes any and all, minimum hold, and missing metrics.
#include <cmath>
#include <initializer_list>

#include "check.h"
#include "sampler/guard.h"

using namespace tripline;

namespace {

GuardSpec Spec(bool all, uint64_t min_hold = 0) {
  GuardSpec spec;
  spec.all = all;
  spec.min_hold = min_hold;
  return spec;
}

void SetState(Guard* guard, uint32_t index, LimitState state) {
  Limit& limit = guard->limit(index).limit;
  limit.state = state;
  limit.failed_reads = 0;
}

void Lose(Guard* guard, uint32_t index) { StepLimitMissing(&guard->limit(index).limit, 1); }

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
  Lose(&guard, 0);
  CHECK(guard.Judge(1));
  CHECK(guard.state() == LimitState::kUnavailable);
  // The limits whose metrics are still there go on counting.
  SetState(&guard, 1, LimitState::kBreached);
  CHECK(guard.Judge(2));
  CHECK(guard.state() == LimitState::kBreached);
}

TEST(GuardMissingAsAskedFor) {
  Guard breach(nullptr, Spec(false), 1);
  breach.limit(0).on_missing = OnMissing::kBreach;
  Lose(&breach, 0);
  CHECK(breach.Judge(1));
  CHECK(breach.breached());

  Guard ignore(nullptr, Spec(true), 2);
  ignore.limit(0).on_missing = OnMissing::kIgnore;
  Lose(&ignore, 0);
  CHECK(!ignore.Judge(1));
  SetState(&ignore, 1, LimitState::kBreached);
  CHECK(ignore.Judge(2));
  CHECK(ignore.breached());
}

TEST(GuardStaysBreachedThroughOneFailedRead) {
  for (const OnMissing on_missing : {OnMissing::kUnavailable, OnMissing::kIgnore, OnMissing::kBreach}) {
    Guard guard(nullptr, Spec(false), 1);
    guard.limit(0).on_missing = on_missing;
    SetState(&guard, 0, LimitState::kBreached);
    guard.Judge(1);
    Lose(&guard, 0);
    CHECK(!guard.Judge(2));
    CHECK(guard.state() == LimitState::kBreached);
    SetState(&guard, 0, LimitState::kBreached);
    CHECK(!guard.Judge(3));
    CHECK_EQ(guard.breaches(), 1u);
  }
}

TEST(GuardLosesItsMetricWithTheSecondFailedRead) {
  const LimitState expected[] = {LimitState::kUnavailable, LimitState::kClear, LimitState::kBreached};
  for (const OnMissing on_missing : {OnMissing::kUnavailable, OnMissing::kIgnore, OnMissing::kBreach}) {
    Guard guard(nullptr, Spec(false), 1);
    guard.limit(0).on_missing = on_missing;
    SetState(&guard, 0, LimitState::kBreached);
    guard.Judge(1);
    Lose(&guard, 0);
    Lose(&guard, 0);
    guard.Judge(2);
    CHECK(guard.state() == expected[static_cast<int>(on_missing)]);
  }
}

TEST(GuardWhoseBreachOutlastsALossBreachesAnew) {
  // Operations that were started while the metric was unavailable depend on the next breach.
  Guard guard(nullptr, Spec(false), 1);
  SetState(&guard, 0, LimitState::kBreached);
  guard.Judge(1);
  Lose(&guard, 0);
  Lose(&guard, 0);
  CHECK(guard.Judge(2));
  SetState(&guard, 0, LimitState::kBreached);
  CHECK(guard.Judge(3));
  CHECK_EQ(guard.breaches(), 2u);
}

TEST(GuardPendingThroughOneFailedReadStaysPending) {
  Guard guard(nullptr, Spec(false), 1);
  SetState(&guard, 0, LimitState::kPending);
  guard.Judge(1);
  Lose(&guard, 0);
  CHECK(!guard.Judge(2));
  CHECK(guard.state() == LimitState::kPending);
}

TEST(GuardHoldDiscountsAGap) {
  Guard guard(nullptr, Spec(false, 100), 1);
  SetState(&guard, 0, LimitState::kBreached);
  guard.Judge(1000);
  SetState(&guard, 0, LimitState::kClear);
  guard.Judge(1050);
  guard.DiscountGap(500, 1600);
  CHECK_EQ(guard.hold_end(), 1600u);
  CHECK(!guard.Judge(1599));
  CHECK(guard.Judge(1600));
  CHECK(guard.state() == LimitState::kClear);
}

TEST(GuardWhoseMissingMetricCountsAsABreachHasItsEvidence) {
  GuardLimit limit;
  limit.limit.spec = LimitSpec{80, 72, 0, 0, true};
  limit.on_missing = OnMissing::kBreach;
  CHECK(!limit.Step(50, 1).proven);
  CHECK(limit.Step(NAN, 2).proven);
  CHECK_EQ(limit.evidence.since, 2u);
  CHECK_EQ(limit.evidence.at, 2u);
  CHECK(std::isnan(limit.evidence.value));
  CHECK(!limit.Step(NAN, 3).proven);
}

TEST(GuardAllIsBreachedOnlyByLimitsThatCount) {
  // A metric that is missing is not left out.
  Guard missing(nullptr, Spec(true), 2);
  SetState(&missing, 0, LimitState::kBreached);
  Lose(&missing, 1);
  Lose(&missing, 1);
  missing.Judge(1);
  CHECK(missing.state() == LimitState::kUnavailable);
  Guard breach(nullptr, Spec(true), 2);
  breach.limit(1).on_missing = OnMissing::kBreach;
  Lose(&breach, 1);
  CHECK(!breach.Judge(1));
  // Nor is it met if all are left out.
  Guard none(nullptr, Spec(true), 1);
  none.limit(0).on_missing = OnMissing::kIgnore;
  Lose(&none, 0);
  Lose(&none, 0);
  CHECK(!none.Judge(1));
  CHECK(none.state() == LimitState::kClear);
}

TEST(GuardAllIsClearingWithItsFirstLimit) {
  Guard guard(nullptr, Spec(true), 2);
  for (uint32_t i = 0; i < 2; i++) SetState(&guard, i, LimitState::kBreached);
  CHECK(guard.Judge(1));
  SetState(&guard, 1, LimitState::kClearing);
  CHECK(!guard.Judge(2));
  CHECK(guard.state() == LimitState::kClearing);
}

TEST(GuardTakesNoEvidenceBetweenItsBreaches) {
  Guard guard(nullptr, Spec(true), 2);
  guard.limit(0).on_missing = OnMissing::kIgnore;
  Lose(&guard, 0);
  Lose(&guard, 0);
  SetState(&guard, 1, LimitState::kBreached);
  CHECK(guard.Judge(1));
  // The other limit was no part of that breach.
  SetState(&guard, 1, LimitState::kClear);
  SetState(&guard, 0, LimitState::kBreached);
  CHECK(guard.Judge(2));
  CHECK(!guard.breached());
  CHECK_EQ(guard.limit(1).evidence.breach, 1u);
  CHECK_EQ(guard.limit(0).evidence.breach, 0u);
}

TEST(GuardDiscountsAGapFromTheDwellOfACondition) {
  Guard guard(nullptr, Spec(false), 1);
  guard.limit(0).limit.spec = LimitSpec{0.5, 0.5, 100, 0, true};
  guard.StepCondition(0, 1, 0, 1000);
  CHECK(guard.limit(0).limit.state == LimitState::kPending);
  guard.DiscountGap(500, 1600);
  CHECK_EQ(guard.limit(0).limit.beyond_since, 1500u);
}

TEST(GuardHasNoHoldUnlessItAloneKeepsItBreached) {
  Guard guard(nullptr, Spec(false, 100), 1);
  SetState(&guard, 0, LimitState::kBreached);
  guard.Judge(1000);
  guard.DiscountGap(50, 1060);
  CHECK(guard.hold_end() == UINT64_MAX);
  // It counts from the breach without the gap.
  SetState(&guard, 0, LimitState::kClear);
  CHECK(!guard.Judge(1149));
  CHECK_EQ(guard.hold_end(), 1150u);
}
