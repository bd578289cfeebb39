// The limit state machine: above and below, dwell, hysteresis, missing values.
#include <initializer_list>

#include "check.h"
#include "sampler/limit.h"

using namespace tripline;

namespace {

constexpr uint64_t kSecond = 1000000000;

Limit Above(double enter, double exit, uint64_t dwell = 0, uint64_t clear_dwell = 0) {
  Limit limit;
  limit.spec = LimitSpec{enter, exit, dwell, clear_dwell, true};
  return limit;
}

Limit Below(double enter, double exit) {
  Limit limit;
  limit.spec = LimitSpec{enter, exit, 0, 0, false};
  return limit;
}

}  // namespace

TEST(LimitBreachesOnlyBeyondTheLine) {
  Limit limit = Above(90, 81);
  CHECK(!StepLimit(&limit, 90, 1));
  CHECK(StepLimit(&limit, 90.001, 2));
  CHECK(limit.state == LimitState::kBreached);
  CHECK_EQ(limit.beyond_since, 2u);
}

TEST(LimitStaysBreachedInsideTheHysteresis) {
  Limit limit = Above(90, 81);
  StepLimit(&limit, 95, 1);
  CHECK(!StepLimit(&limit, 85, 2));
  CHECK(!StepLimit(&limit, 81.001, 3));
  CHECK(StepLimit(&limit, 81, 4));
  CHECK(limit.state == LimitState::kClear);
}

TEST(LimitBelow) {
  Limit limit = Below(10, 11);
  CHECK(!StepLimit(&limit, 10, 1));
  CHECK(StepLimit(&limit, 9.9, 2));
  CHECK(!StepLimit(&limit, 10.9, 3));
  CHECK(StepLimit(&limit, 11, 4));
}

TEST(LimitDwellStartsAnewAfterAnInterruption) {
  Limit limit = Above(90, 81, 2 * kSecond);
  CHECK(StepLimit(&limit, 95, 10 * kSecond));
  CHECK(limit.state == LimitState::kPending);
  CHECK_EQ(DwellEnd(limit), 12 * kSecond);
  CHECK(!StepLimit(&limit, 95, 11 * kSecond));
  CHECK(StepLimit(&limit, 89, 11 * kSecond));
  CHECK(limit.state == LimitState::kClear);
  StepLimit(&limit, 95, 12 * kSecond);
  CHECK(!StepLimit(&limit, 95, 13 * kSecond));
  CHECK(StepLimit(&limit, 95, 14 * kSecond));
  CHECK(limit.state == LimitState::kBreached);
  CHECK_EQ(limit.beyond_since, 12 * kSecond);
}

TEST(LimitClearDwell) {
  Limit limit = Above(90, 81, 0, kSecond);
  StepLimit(&limit, 95, 0);
  CHECK(StepLimit(&limit, 80, kSecond));
  CHECK(limit.state == LimitState::kClearing);
  CHECK(limit.breached());
  CHECK(StepLimit(&limit, 85, kSecond + 1));
  CHECK(limit.state == LimitState::kBreached);
  StepLimit(&limit, 80, 2 * kSecond);
  CHECK(StepLimit(&limit, 80, 3 * kSecond));
  CHECK(limit.state == LimitState::kClear);
}

TEST(LimitAtZeroIsAFlag) {
  Limit limit = Above(0, 0);
  CHECK(!StepLimit(&limit, 0, 1));
  CHECK(StepLimit(&limit, 1, 2));
  CHECK(StepLimit(&limit, 0, 3));
  CHECK(limit.state == LimitState::kClear);
}

TEST(LimitMissingForgetsADwell) {
  Limit limit = Above(90, 81, kSecond);
  StepLimit(&limit, 95, 0);
  CHECK(StepLimitMissing(&limit));
  CHECK(!StepLimitMissing(&limit));
  CHECK(StepLimit(&limit, 95, 10 * kSecond));
  CHECK(limit.state == LimitState::kPending);
}

TEST(LimitQuietBandHoldsNoValueThatWouldMoveIt) {
  const double values[] = {-5, 0, 1, 10, 80.9, 81, 81.1, 89, 90, 90.1, 100};
  const double starts[] = {0, 95};
  for (const bool above : {true, false}) {
    for (const double start : starts) {
      for (const double value : values) {
        Limit limit = above ? Above(90, 81) : Below(81, 90);
        StepLimit(&limit, start, 0);
        const Band band = QuietBand(limit);
        const bool quiet = value > band.low && value < band.high;
        const bool moved = StepLimit(&limit, value, 1);
        CHECK(!(quiet && moved));
      }
    }
  }
}
