// JavaScript is notified once, and not again before it has acknowledged the notification.
#include "sampler/environment.h"

#include "check.h"

using namespace tripline;

namespace {

void Count(void* notifications) { ++*static_cast<int*>(notifications); }

}  // namespace

TEST(EnvironmentNotifiesOnceUntilItIsAcknowledged) {
  int notifications = 0;
  Environment environment(Count, &notifications);
  Guard guard(&environment, GuardSpec(), 1);
  environment.Deliver(&guard);
  environment.Answer(1);
  environment.AskForHeartbeat(7, false);
  CHECK_EQ(notifications, 1);
  CHECK(environment.Acknowledge(8));
  // News that arrives between the acknowledgment and the fetch is fetched with the rest and notified of again.
  environment.Answer(2);
  CHECK_EQ(notifications, 2);
  CHECK_EQ(environment.answered.size(), 2u);
  environment.Drained();
  CHECK(!guard.undelivered);
  CHECK_EQ(environment.answered.size(), 0u);
}

TEST(EnvironmentWhoseNewsAreNotFetchedIsNotifiedOfWhatFollows) {
  int notifications = 0;
  Environment environment(Count, &notifications);
  environment.Answer(1);
  environment.Acknowledge(8);
  environment.Answer(2);
  CHECK_EQ(notifications, 2);
}
