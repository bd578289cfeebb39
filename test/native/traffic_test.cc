// Sums over interfaces that come, go and come back.
#include "port/traffic.h"

#include "check.h"

namespace tripline {
namespace {

void Add(Traffic* traffic, uint64_t id, uint64_t received, uint64_t sent) {
  Traffic::Interface* interface = traffic->Find(id);
  interface->received.Add(received);
  interface->sent.Add(sent);
}

void CheckReport(Traffic* traffic, uint64_t now, double received, double sent, double seconds) {
  Readings out;
  traffic->Report(now, &out);
  CHECK_EQ(static_cast<int>(out[Metric::kNetworkRx].state), static_cast<int>(Reading::kKnown));
  CHECK_EQ(out[Metric::kNetworkRx].num[0], received);
  CHECK_EQ(out[Metric::kNetworkRx].den[0], seconds);
  CHECK_EQ(out[Metric::kNetworkTx].num[0], sent);
  CHECK_EQ(out[Metric::kNetworkTx].den[0], seconds);
}

TEST(TrafficIsThatOfAllInterfacesSinceTheyWereFirstSeen) {
  Traffic traffic;
  Add(&traffic, 7, 1000, 100);
  CheckReport(&traffic, kSecond, 0, 0, 0);
  Add(&traffic, 7, 1500, 110);
  // It is not known when the interface received the bytes that it had at first.
  Add(&traffic, 9, 80000, 8000);
  CheckReport(&traffic, 3 * kSecond, 500, 10, 2);
  Add(&traffic, 9, 80001, 8002);
  // The other interface is gone, but its bytes still count.
  CheckReport(&traffic, 4 * kSecond, 501, 12, 3);
  // No time has passed.
  Add(&traffic, 9, 80001, 8002);
  CheckReport(&traffic, 4 * kSecond, 501, 12, 3);
}

TEST(TrafficOfAnInterfaceThatComesBackStartsThere) {
  Traffic traffic;
  Add(&traffic, 7, 1000, 100);
  CheckReport(&traffic, kSecond, 0, 0, 0);
  Add(&traffic, 7, 1500, 110);
  CheckReport(&traffic, 2 * kSecond, 500, 10, 1);
  CheckReport(&traffic, 3 * kSecond, 500, 10, 2);
  Add(&traffic, 7, 90000, 9000);
  CheckReport(&traffic, 4 * kSecond, 500, 10, 3);
  Add(&traffic, 7, 90001, 9001);
  CheckReport(&traffic, 5 * kSecond, 501, 11, 4);
}

TEST(TrafficHasRoomForAllInterfaces) {
  Traffic traffic;
  for (uint64_t round = 1; round <= 2; round++) {
    for (uint64_t id = 1; id <= 500; id++) Add(&traffic, id, round * 10, round);
    CheckReport(&traffic, round * kSecond, 5000.0 * static_cast<double>(round - 1),
                500.0 * static_cast<double>(round - 1), static_cast<double>(round - 1));
  }
}

}  // namespace
}  // namespace tripline
