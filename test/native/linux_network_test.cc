// network.rx, network.tx over made-up file trees: which interfaces count.
#include <unistd.h>
#include <cstdio>
#include <string>

#include "fixture.h"
#include "reader.h"

namespace tripline {
namespace {

using test::EndsWith;
using test::FakeRoot;
using test::now;
using test::Quotient;
using test::Reader;

constexpr const char* kHeadings =
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier "
    "compressed\n";

void PutNetwork(FakeRoot* root, unsigned long lo, unsigned long eth, unsigned long bridge) {
  char text[1024];
  snprintf(text, sizeof(text),
           "%s lo: %lu 0 0 0 0 0 0 0 %lu 0 0 0 0 0 0 0\n eth0: %lu 0 0 0 0 0 0 0 %lu 0 0 0 0 0 0 0\n"
           "docker0: %lu 0 0 0 0 0 0 0 %lu 0 0 0 0 0 0 0\n",
           kHeadings, lo, lo, eth, eth * 2, bridge, bridge);
  root->Change("proc/net/dev", text);
}

TEST(NetworkCountsDevicesOnce) {
  FakeRoot root;
  root.MakeDirectory("sys/class/net/eth0/device");
  PutNetwork(&root, 1000, 1000, 1000);
  Reader reader(Metric::kNetworkRx);
  const Reading received = reader.Read(Metric::kNetworkRx);
  const Reading sent = reader.Read(Metric::kNetworkTx);
  now += kSecond;
  PutNetwork(&root, 9000, 1500, 1500);
  CHECK_NEAR(Quotient(received, reader.Read(Metric::kNetworkRx)), 500, 1e-6);
  CHECK_NEAR(Quotient(sent, reader.Read(Metric::kNetworkTx)), 1000, 1e-6);
}

TEST(NetworkInAContainerCountsAllButLoopback) {
  FakeRoot root;
  PutNetwork(&root, 1000, 1000, 1000);
  Reader reader(Metric::kNetworkRx);
  const Reading first = reader.Read(Metric::kNetworkRx);
  now += kSecond;
  PutNetwork(&root, 9000, 1500, 1200);
  CHECK_NEAR(Quotient(first, reader.Read(Metric::kNetworkRx)), 700, 1e-6);
}

TEST(NetworkInAContainerCountsATunnelOnce) {
  FakeRoot root;
  root.Put("sys/class/net/eth0/iflink", "40\n");
  root.Put("sys/class/net/gretap1/iflink", "0\n");
  const char* const lines = "a|\n b|\n eth0: %d 1 0 0 0 0 0 0 0 0\n gretap1: %d 1 0 0 0 0 0 0 0 0\n";
  char text[160];
  snprintf(text, sizeof(text), lines, 0, 0);
  root.Change("proc/net/dev", text);
  Reader reader(Metric::kNetworkRx);
  const Reading first = reader.Read(Metric::kNetworkRx);
  now += kSecond;
  snprintf(text, sizeof(text), lines, 500, 400);
  root.Change("proc/net/dev", text);
  CHECK_NEAR(Quotient(first, reader.Read(Metric::kNetworkRx)), 500, 1e-6);
}

TEST(NetworkWrapsAndInterfacesThatComeAndGo) {
  FakeRoot root;
  root.MakeDirectory("sys/class/net/eth0/device");
  PutNetwork(&root, 0, 4294967290ul, 0);
  Reader reader(Metric::kNetworkRx);
  const Reading first = reader.Read(Metric::kNetworkRx);
  now += kSecond;
  PutNetwork(&root, 0, 4, 0);
  const Reading second = reader.Read(Metric::kNetworkRx);
  CHECK_NEAR(Quotient(first, second), 10, 1e-6);
  now += kSecond;
  root.Change("proc/net/dev", kHeadings);
  const Reading third = reader.Read(Metric::kNetworkRx);
  CHECK_NEAR(Quotient(second, third), 0, 1e-6);
  now += kSecond;
  PutNetwork(&root, 0, 1000000, 0);
  CHECK_NEAR(Quotient(third, reader.Read(Metric::kNetworkRx)), 0, 1e-6);
}

TEST(NetworkOfAHostIsSeenThroughItsFirstProcess) {
  FakeRoot root;
  PutNetwork(&root, 1, 1, 1);
  root.Put("proc/1/net/dev", kHeadings);
  Reader reader(Metric::kNetworkRx);
  CHECK(EndsWith(reader.probe->Origin(Metric::kNetworkRx), "/proc/1/net/dev"));
}

// ---- one interface, errors and drops

TEST(NetworkOfOneInterface) {
  FakeRoot root;
  root.MakeDirectory("sys/class/net/eth0/device");
  root.Change("proc/net/dev",
              "a|\n b|\n eth0: 100 1 2 3 0 0 0 0 10 1 5 7 0 0 0 0\n wg0: 50 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n");
  Selector selector;
  selector.name = "wg0";
  Reader one(Metric::kNetworkRx, selector), all(Metric::kNetworkRx);
  const Reading of_one = one.Read(Metric::kNetworkRx), of_all = all.Read(Metric::kNetworkRx);
  const Reading errors = all.Read(Metric::kNetworkErrors), drops = all.Read(Metric::kNetworkDrops);
  now += kSecond;
  root.Change("proc/net/dev",
              "a|\n b|\n eth0: 300 1 12 23 0 0 0 0 10 1 6 8 0 0 0 0\n wg0: 57 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n");
  CHECK_NEAR(test::Quotient(of_one, one.Read(Metric::kNetworkRx)), 7, 1e-6);
  CHECK_NEAR(test::Quotient(of_all, all.Read(Metric::kNetworkRx)), 200, 1e-6);
  CHECK_NEAR(test::Quotient(errors, all.Read(Metric::kNetworkErrors)), 11, 1e-6);
  CHECK_NEAR(test::Quotient(drops, all.Read(Metric::kNetworkDrops)), 21, 1e-6);
  now += kSecond;
  root.Change("proc/net/dev", "a|\n b|\n eth0: 300 1 2 3 0 0 0 0 10 1 5 7 0 0 0 0\n");
  CHECK(one.WhyHas(Metric::kNetworkRx, "interface wg0 is gone"));
  selector.name = "eth7";
  Reader wrong(Metric::kNetworkRx, selector);
  CHECK(wrong.probe == nullptr);
  CHECK(strstr(wrong.failure.text, "no interface \"eth7\"; there is eth0") != nullptr);
}

// ---- sockets

TEST(SocketsOfBothFamilies) {
  FakeRoot root;
  root.Change("proc/net/sockstat",
              "sockets: used 290\nTCP: inuse 12 orphan 0 tw 40 alloc 60 mem 1\nUDP: inuse 3 mem 2\n");
  Reader reader(Metric::kSockets);
  CHECK_NEAR(reader.Level(Metric::kSockets), 12, 1e-9);
  root.Put("proc/net/sockstat6", "TCP6: inuse 5\nUDP6: inuse 1\n");
  now += 2 * kSecond;
  CHECK_NEAR(reader.Level(Metric::kSockets), 17, 1e-9);
  root.Change("proc/net/sockstat", "sockets: used 290\n");
  CHECK(reader.WhyHas(Metric::kSockets, "says nothing of TCP"));
  root.Remove("proc/net");
  CHECK(Reader(Metric::kSockets).WhyHas(Metric::kSockets, "net/sockstat: ENOENT"));
}

// ---- interfaces whose bytes another interface counts

// The interfaces of a machine, each of which receives a megabyte per second.
struct Machine {
  FakeRoot root;
  std::string names[64];
  int count = 0;

  void Add(const char* name) { names[count++] = name; }
  void AddDevice(const char* name) {
    Add(name);
    Put(name, "device/vendor", "0x8086\n");
  }
  void Put(const char* name, const char* file, const char* text) {
    root.Put((std::string("sys/class/net/") + name + "/" + file).c_str(), text);
  }
  void Link(const char* upper, const char* lower) {
    root.MakeDirectory((std::string("sys/class/net/") + upper + "/lower_" + lower).c_str());
  }
  void Master(const char* name, const char* master) {
    root.MakeDirectory((std::string("sys/class/net/") + name + "/master").c_str());
    Link(master, name);
  }

  void Grow(uint64_t bytes) {
    std::string text = kHeadings;
    for (int i = 0; i < count; i++) {
      const std::string number = std::to_string(bytes);
      text += names[i] + ": " + number + " 0 0 0 0 0 0 0 " + number + " 0 0 0 0 0 0 0\n";
    }
    root.Change("proc/net/dev", text.c_str());
  }

  // Returns how many of them are counted.
  double Counted() {
    Grow(5000000);
    Reader reader(Metric::kNetworkRx);
    const Reading first = reader.Read(Metric::kNetworkRx);
    now += kSecond;
    Grow(6000000);
    return Quotient(first, reader.Read(Metric::kNetworkRx)) / 1e6;
  }
};

TEST(NetworkBehindMoreInterfacesThanAnyTableHolds) {
  Machine machine;
  for (int i = 0; i < 60; i++) machine.Add(("veth" + std::to_string(i)).c_str());
  machine.AddDevice("eth0");
  CHECK_NEAR(machine.Counted(), 1, 1e-9);
}

TEST(NetworkOfAContainerWithManyInterfaces) {
  Machine machine;
  for (int i = 0; i < 60; i++) machine.Add(("net" + std::to_string(i)).c_str());
  CHECK_NEAR(machine.Counted(), 60, 1e-9);
}

TEST(NetworkOfAVirtualFunctionIsThatOfItsSyntheticInterface) {
  Machine machine;
  machine.AddDevice("eth0");
  machine.AddDevice("enP1s1");
  machine.Master("enP1s1", "eth0");
  CHECK_NEAR(machine.Counted(), 1, 1e-9);
}

TEST(NetworkOfAFailoverIsThatOfItsMaster) {
  Machine machine;
  for (const char* name : {"ens3", "ens3nsby", "ens4"}) machine.AddDevice(name);
  machine.Master("ens3nsby", "ens3");
  machine.Master("ens4", "ens3");
  CHECK_NEAR(machine.Counted(), 1, 1e-9);
}

TEST(NetworkOfASwitchIsThatOfItsConduit) {
  Machine machine;
  for (const char* name : {"eth0", "lan1", "lan2", "wan"}) machine.AddDevice(name);
  for (const char* name : {"lan1", "lan2", "wan"}) machine.Link(name, "eth0");
  CHECK_NEAR(machine.Counted(), 1, 1e-9);
}

TEST(NetworkOfASwitchOnABond) {
  Machine machine;
  for (const char* name : {"eth0", "eth1", "lan1"}) machine.AddDevice(name);
  machine.Add("bond0");
  machine.Master("eth0", "bond0");
  machine.Master("eth1", "bond0");
  machine.Link("lan1", "bond0");
  CHECK_NEAR(machine.Counted(), 2, 1e-9);
}

TEST(NetworkOfASwitchInAnOlderKernel) {
  Machine machine;
  machine.AddDevice("eth0");
  machine.Put("eth0", "ifindex", "2\n");
  machine.Put("eth0", "iflink", "2\n");
  machine.AddDevice("lan1");
  machine.Put("lan1", "ifindex", "3\n");
  machine.Put("lan1", "iflink", "2\n");
  CHECK_NEAR(machine.Counted(), 1, 1e-9);
}

TEST(NetworkOfInfinibandChildrenIsTheirOwn) {
  Machine machine;
  machine.AddDevice("ib0");
  machine.Put("ib0", "ifindex", "4\n");
  machine.AddDevice("ib0.8001");
  machine.Put("ib0.8001", "type", "32\n");
  machine.Put("ib0.8001", "ifindex", "5\n");
  machine.Put("ib0.8001", "iflink", "4\n");
  CHECK_NEAR(machine.Counted(), 2, 1e-9);
}

TEST(NetworkOfBondsBridgesAndVlansIsThatOfTheirDevices) {
  Machine machine;
  machine.AddDevice("eth0");
  machine.AddDevice("eth1");
  for (const char* name : {"bond0", "bond0.7", "br0", "macvlan0", "wg0", "docker0", "veth1"}) machine.Add(name);
  machine.Master("eth0", "bond0");
  machine.Master("eth1", "bond0");
  machine.Link("bond0.7", "bond0");
  machine.Master("bond0", "br0");
  CHECK_NEAR(machine.Counted(), 2, 1e-9);
}

TEST(NetworkOfAModemIsCountedOnce) {
  Machine machine;
  machine.AddDevice("wwan0");
  machine.Add("wwan0.100");
  machine.Link("wwan0.100", "wwan0");
  CHECK_NEAR(machine.Counted(), 1, 1e-9);
}

TEST(NetworkOfMonitorsAndRepresentorsIsThatOfOthers) {
  Machine machine;
  for (const char* name : {"wlan0", "mon0", "p0", "rep0"}) machine.AddDevice(name);
  machine.Put("mon0", "type", "803\n");
  machine.Put("p0", "phys_port_name", "p0\n");
  machine.Put("rep0", "phys_port_name", "pf0vf0\n");
  CHECK_NEAR(machine.Counted(), 2, 1e-9);
}

TEST(NetworkThatDials) {
  Machine machine;
  machine.AddDevice("eth0");
  machine.Add("ppp0");
  CHECK_NEAR(machine.Counted(), 2, 1e-9);
  machine.root.Put("proc/net/pppoe", "Id       Address              Device\n00000001 00:11:22:33:44:55     eth0\n");
  CHECK_NEAR(machine.Counted(), 1, 1e-9);
  // The session of a modem whose interface is not visible here.
  machine.root.Put("proc/net/pppoe", "Id       Address              Device\n00000001 00:11:22:33:44:55     nas0\n");
  CHECK_NEAR(machine.Counted(), 2, 1e-9);
  machine.root.Put("proc/net/pppol2tp",
                   "PPPoL2TP driver info, V2.0\nTUNNEL name, user-data-ok session-count\n  SESSION name, addr/port\n"
                   "TUNNEL '', Y 1\n  SESSION '' 0A000001/1701 0001/0001 -> 0002/0002 0 Y\n");
  CHECK_NEAR(machine.Counted(), 1, 1e-9);
  machine.Add("ppp1");
  machine.Grow(1);
  Reader reader(Metric::kNetworkRx);
  CHECK(reader.WhyHas(Metric::kNetworkRx, "ppp interfaces"));
}

TEST(NetworkOfAContainerWithContainersInIt) {
  Machine machine;
  for (const char* name : {"lo", "eth0", "docker0", "veth1", "veth2", "tun0", "eth0.7", "ifb0"}) machine.Add(name);
  for (const char* name : {"veth1", "veth2"}) {
    machine.Master(name, "docker0");
    machine.Put(name, "brport/state", "3\n");
  }
  machine.Put("tun0", "type", "65534\n");
  machine.Link("eth0.7", "eth0");
  CHECK_NEAR(machine.Counted(), 1, 1e-9);
}

TEST(NetworkOfAContainerWithRoutedContainersInIt) {
  Machine machine;
  for (const char* name : {"lo", "eth0", "eth1", "veth1", "veth2", "dummy0", "ipvlan0"}) machine.Add(name);
  for (const char* name : {"dummy0", "ipvlan0"}) {
    machine.Put(name, "flags", "0x83\n");
    machine.Put(name, "ifindex", "9\n");
  }
  machine.Put("dummy0", "iflink", "9\n");
  machine.Put("ipvlan0", "iflink", "2\n");
  // Without routes the links look alike, but a dummy leads nowhere.
  CHECK_NEAR(machine.Counted(), 5, 1e-9);
  constexpr const char* kHeading = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n";
  const std::string pods =
      "veth1\t0200F40A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n"
      "veth2\t0300F40A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n";
  const std::string own =
      "eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
      "eth0\t01FEA9A9\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n"
      "eth1\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n";
  machine.root.Change("proc/net/route", (kHeading + own + pods).c_str());
  CHECK_NEAR(machine.Counted(), 3, 1e-9);
  // The way out is not known: all count.
  machine.root.Change("proc/net/route", (kHeading + pods).c_str());
  CHECK_NEAR(machine.Counted(), 5, 1e-9);
}

TEST(NetworkOfAContainerWithNothingButATunnel) {
  Machine machine;
  machine.Add("lo");
  machine.Add("tap0");
  machine.Put("tap0", "tun_flags", "0x1002\n");
  CHECK_NEAR(machine.Counted(), 1, 1e-9);
}

TEST(NetworkOfAnInterfaceThatIsGivenAwayLater) {
  Machine machine;
  machine.AddDevice("eth0");
  machine.AddDevice("enP1s1");
  machine.Grow(1000000);
  Reader reader(Metric::kNetworkTx);
  reader.Read(Metric::kNetworkTx);
  machine.Master("enP1s1", "eth0");
  now += kSecond;
  machine.Grow(2000000);
  const Reading first = reader.Read(Metric::kNetworkTx);
  now += kSecond;
  machine.Grow(3000000);
  CHECK_NEAR(Quotient(first, reader.Read(Metric::kNetworkTx)), 1e6, 1e-3);
}

}  // namespace
}  // namespace tripline
