// The limit state machine: above and below, dwell, hysteresis, missing values.
#include <initializer_list>

#include "check.h"
#include "sampler/limit.h"
#include "util/time.h"

using namespace tripline;

namespace {

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

TEST(LimitKeepsItsStateWhileValuesAreMissing) {
  Limit limit = Above(90, 81);
  StepLimit(&limit, 95, 1);
  CHECK(StepLimitMissing(&limit, 2));
  CHECK(limit.lost() && limit.breached());
  CHECK_EQ(DwellEnd(limit), UINT64_MAX);
  // Between the line and `clear` there is neither a crossing nor a recovery.
  CHECK(StepLimit(&limit, 85, 3));
  CHECK(!limit.lost());
  CHECK(limit.state == LimitState::kBreached);
}

TEST(LimitBeyondItsLineAfterALongLossIsSoSinceThen) {
  for (const int failed : {1, 2}) {
    Limit limit = Above(90, 81);
    StepLimit(&limit, 95, 1);
    for (int i = 0; i < failed; i++) StepLimitMissing(&limit, 2);
    StepLimit(&limit, 96, 1000);
    CHECK_EQ(limit.beyond_since, failed == 1 ? 1u : 1000u);
  }
}

TEST(LimitCountsFailedReadsUpToTwo) {
  Limit limit = Above(90, 81);
  CHECK(StepLimitMissing(&limit, 1));
  CHECK(StepLimitMissing(&limit, 2));
  CHECK(!StepLimitMissing(&limit, 3));
  CHECK_EQ(limit.failed_reads, 2u);
  CHECK_EQ(limit.lost_at, 1u);
  CHECK(StepLimit(&limit, 50, 4));
  CHECK(limit.state == LimitState::kClear);
}

TEST(LimitDwellGoesOnAfterAFailedRead) {
  Limit limit = Above(80, 72, 8 * kSecond);
  StepLimit(&limit, 95, 10 * kSecond);
  StepLimit(&limit, 95, 14 * kSecond);
  StepLimitMissing(&limit, 15 * kSecond);
  StepLimit(&limit, 95, 16 * kSecond);
  CHECK(limit.state == LimitState::kPending);
  // The second without a value counts neither into the dwell nor into `since`.
  CHECK_EQ(limit.beyond_since, 11 * kSecond);
  CHECK(!StepLimit(&limit, 95, 18 * kSecond));
  CHECK(StepLimit(&limit, 95, 19 * kSecond));
  CHECK(limit.state == LimitState::kBreached);
}

TEST(LimitDwellShorterThanOneFailedReadGoesOnToo) {
  Limit limit = Above(80, 72, kSecond / 2);
  StepLimit(&limit, 95, 10 * kSecond);
  StepLimitMissing(&limit, 10 * kSecond + kSecond / 4);
  StepLimit(&limit, 95, 12 * kSecond);
  CHECK(limit.state == LimitState::kPending);
  CHECK(StepLimit(&limit, 95, 12 * kSecond + kSecond / 4));
}

TEST(LimitDwellBeginsAnewAfterALossLongerThanItself) {
  Limit limit = Above(80, 72, 8 * kSecond, 8 * kSecond);
  StepLimit(&limit, 95, 10 * kSecond);
  StepLimitMissing(&limit, 17 * kSecond);
  StepLimitMissing(&limit, 18 * kSecond);
  CHECK(StepLimit(&limit, 95, 1000 * kSecond));
  CHECK(limit.state == LimitState::kPending);
  CHECK_EQ(limit.beyond_since, 1000 * kSecond);
  StepLimit(&limit, 95, 1008 * kSecond);
  CHECK(limit.state == LimitState::kBreached);

  StepLimit(&limit, 50, 1010 * kSecond);
  CHECK(limit.state == LimitState::kClearing);
  StepLimitMissing(&limit, 1011 * kSecond);
  StepLimitMissing(&limit, 1012 * kSecond);
  StepLimit(&limit, 50, 2000 * kSecond);
  CHECK(limit.state == LimitState::kClearing);
  CHECK_EQ(limit.inside_since, 2000 * kSecond);
}

TEST(LimitDwellDiscountsAGap) {
  Limit limit = Above(90, 81, 5 * kSecond, 5 * kSecond);
  StepLimit(&limit, 95, 10 * kSecond);
  DiscountGap(&limit, 8 * kSecond, 20 * kSecond);
  CHECK_EQ(limit.beyond_since, 18 * kSecond);
  CHECK(!StepLimit(&limit, 95, 20 * kSecond));
  CHECK(StepLimit(&limit, 95, 23 * kSecond));
  StepLimit(&limit, 50, 30 * kSecond);
  DiscountGap(&limit, 100 * kSecond, 40 * kSecond);
  CHECK_EQ(limit.inside_since, 40 * kSecond);
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

TEST(LimitThatIsLostCountsAGapOnce) {
  Limit limit = Above(90, 81, 10 * kSecond);
  StepLimit(&limit, 95, 0);
  StepLimitMissing(&limit, 2 * kSecond);
  // The process stands still from 2 s to 7 s.
  DiscountGap(&limit, 5 * kSecond, 7 * kSecond);
  CHECK_EQ(limit.lost_at, 7 * kSecond);
  StepLimit(&limit, 95, 8 * kSecond);
  // Neither the standstill nor the second without a value counts.
  CHECK_EQ(limit.beyond_since, 6 * kSecond);
  CHECK(!StepLimit(&limit, 95, 16 * kSecond - 1));
  CHECK(StepLimit(&limit, 95, 16 * kSecond));
}

TEST(LimitThatClearsCountsALossLikeAGap) {
  Limit limit = Above(90, 81, 0, 4 * kSecond);
  StepLimit(&limit, 95, 0);
  StepLimit(&limit, 50, kSecond);
  CHECK(limit.state == LimitState::kClearing);
  StepLimitMissing(&limit, 2 * kSecond);
  StepLimit(&limit, 50, 3 * kSecond);
  CHECK_EQ(limit.inside_since, 2 * kSecond);
  DiscountGap(&limit, kSecond, 5 * kSecond);
  CHECK_EQ(limit.inside_since, 3 * kSecond);
  CHECK(!StepLimit(&limit, 50, 7 * kSecond - 1));
  CHECK(StepLimit(&limit, 50, 7 * kSecond));
}

TEST(LimitThatLosesItsValueHasNoEndOfItsDwell) {
  Limit limit = Above(90, 81, 2 * kSecond, 3 * kSecond);
  CHECK_EQ(DwellEnd(limit), kNever);
  StepLimit(&limit, 95, kSecond);
  CHECK_EQ(DwellEnd(limit), 3 * kSecond);
  StepLimitMissing(&limit, 2 * kSecond);
  CHECK_EQ(DwellEnd(limit), kNever);
  StepLimit(&limit, 95, 2 * kSecond);
  StepLimit(&limit, 95, 3 * kSecond);
  CHECK_EQ(DwellEnd(limit), kNever);
  StepLimit(&limit, 10, 5 * kSecond);
  CHECK_EQ(DwellEnd(limit), 8 * kSecond);
}

TEST(LimitDwellSurvivesALossThatIsAsLong) {
  for (const uint64_t gap : {uint64_t{100}, uint64_t{101}}) {
    Limit limit = Above(90, 81, 100);
    StepLimit(&limit, 95, 900);
    for (int i = 0; i < 2; i++) StepLimitMissing(&limit, 950);
    StepLimit(&limit, 95, 950 + gap);
    // Fifty of it were observed before; after a longer loss, nothing counts.
    CHECK_EQ(limit.beyond_since, gap == 100 ? 1000u : 950 + gap);
  }
}

TEST(LimitMovesOnlyTheDwellThatRuns) {
  Limit limit = Above(90, 81, 0, 100);
  StepLimit(&limit, 95, 10);
  StepLimit(&limit, 80, 20);
  StepLimit(&limit, 95, 30);
  CHECK(limit.state == LimitState::kBreached);
  DiscountGap(&limit, 5, 100);
  CHECK_EQ(limit.beyond_since, 10u);
  CHECK_EQ(limit.inside_since, 20u);
  CHECK_EQ(limit.lost_at, 0u);
  StepLimitMissing(&limit, 110);
  StepLimit(&limit, 95, 120);
  CHECK_EQ(limit.beyond_since, 10u);
  CHECK_EQ(limit.inside_since, 20u);
}
