#include "port/traffic.h"

#include "check.h"
#include "port/platform.h"

namespace tripline {
namespace {

void Add(Traffic* traffic, uint64_t id, uint64_t received, uint64_t sent) {
  Traffic::Interface* interface = traffic->Find(id);
  CHECK(interface != nullptr);
  if (interface == nullptr) return;
  interface->received.Add(received);
  interface->sent.Add(sent);
}

void CheckTold(Traffic* traffic, uint64_t now, double received, double sent, double seconds) {
  Readings out;
  traffic->Tell(now, &out);
  CHECK_EQ(static_cast<int>(out[Metric::kNetworkRx].state), static_cast<int>(Reading::kKnown));
  CHECK_EQ(out[Metric::kNetworkRx].num[0], received);
  CHECK_EQ(out[Metric::kNetworkRx].den[0], seconds);
  CHECK_EQ(out[Metric::kNetworkTx].num[0], sent);
  CHECK_EQ(out[Metric::kNetworkTx].den[0], seconds);
}

TEST(TrafficIsThatOfAllInterfacesSinceTheyWereFirstSeen) {
  Traffic traffic;
  Add(&traffic, 7, 1000, 100);
  CheckTold(&traffic, kSecond, 0, 0, 0);
  Add(&traffic, 7, 1500, 110);
  // What it has had before nobody knows when.
  Add(&traffic, 9, 80000, 8000);
  CheckTold(&traffic, 3 * kSecond, 500, 10, 2);
  Add(&traffic, 9, 80001, 8002);
  // The other one is gone, and what it has had is not.
  CheckTold(&traffic, 4 * kSecond, 501, 12, 3);
  // No time has passed.
  CheckTold(&traffic, 4 * kSecond, 501, 12, 3);
}

TEST(TrafficOfInterfacesThatThereIsNoRoomForIsLeftOut) {
  Traffic traffic;
  for (uint64_t id = 1; id <= 32; id++) Add(&traffic, id, 0, 0);
  CHECK(traffic.Find(33) == nullptr);
  CHECK(traffic.Find(32) != nullptr);
}

}  // namespace
}  // namespace tripline
