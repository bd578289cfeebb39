// Probes of devices over made trees: disks, network, sensors, supplies; swapping and stalls; descriptors.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cstdio>
#include <cstring>

#include "fixture.h"
#include "reader.h"

namespace tripline {
namespace {

using test::EndsWith;
using test::FakeRoot;
using test::now;
using test::Quotient;
using test::Reader;

// ---- disk.read, disk.write, disk.busy

// A made tree in which the whole machine is on partition 1 of sda.
void PutDisk(FakeRoot* root) {
  root->Put("proc/self/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
  root->Put("sys/devices/sda/sda1/partition", "1\n");
  root->Put("sys/devices/sda/sda1/stat", "9 0 9 0 9 0 9 0 0 9 0\n");
  root->Change("sys/devices/sda/stat", "10 0 1000 0 10 0 2000 0 0 5000 0\n");
  root->MakeDirectory("sys/dev/block");
  CHECK_EQ(symlink("../../devices/sda/sda1", root->PathOf("sys/dev/block/8:1")), 0);
}

TEST(DiskRatesAreOfTheWholeDevice) {
  FakeRoot root;
  PutDisk(&root);
  Selector selector;
  selector.name = "/";
  Reader reader(Metric::kDiskRead, selector);
  const Reading read = reader.Read(Metric::kDiskRead);
  const Reading written = reader.Read(Metric::kDiskWrite);
  const Reading busy = reader.Read(Metric::kDiskBusy);
  now += kSecond;
  root.Change("sys/devices/sda/stat", "10 0 3000 0 10 0 6000 0 0 5250 0\n");
  CHECK_NEAR(Quotient(read, reader.Read(Metric::kDiskRead)), 2000 * 512, 1e-6);
  CHECK_NEAR(Quotient(written, reader.Read(Metric::kDiskWrite)), 4000 * 512, 1e-6);
  CHECK_NEAR(Quotient(busy, reader.Read(Metric::kDiskBusy)), 0.25, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kDiskRead), "/sys/dev/block/8:1/../stat"));
  // A device that counts more time than passes is busy all the time, and no more.
  const Reading before = reader.Read(Metric::kDiskBusy);
  now += kSecond;
  root.Change("sys/devices/sda/stat", "10 0 3000 0 10 0 6000 0 0 9250 0\n");
  CHECK(Quotient(before, reader.Read(Metric::kDiskBusy)) <= 1.8);
}

TEST(DiskThatIsPulledOut) {
  FakeRoot root;
  PutDisk(&root);
  Selector selector;
  selector.name = "/";
  Reader reader(Metric::kDiskRead, selector);
  reader.Read(Metric::kDiskRead);
  root.Change("sys/devices/sda/stat", "\n");
  now += kSecond;
  CHECK_EQ(reader.Read(Metric::kDiskRead).state, Reading::kUnavailable);
  root.Change("sys/devices/sda/stat", "10 0 1000 0 10 0 2000 0 0 5000 0\n");
  now += kSecond;
  CHECK_EQ(reader.Read(Metric::kDiskRead).state, Reading::kKnown);
}

TEST(DiskRatesWithoutADevice) {
  FakeRoot root;
  root.Put("proc/self/mountinfo", "1 0 0:60 / / rw - overlay overlay rw\n");
  Selector selector;
  selector.name = "/";
  Reader reader(Metric::kDiskRead, selector);
  CHECK(reader.probe == nullptr);
  CHECK(strstr(reader.failure.text, "give a path on a volume") != nullptr);
  root.Put("proc/self/mountinfo", "1 0 0:60 / / rw - nfs4 nas:/ rw\n");
  Reader network(Metric::kDiskRead, selector);
  CHECK(network.probe == nullptr);
  CHECK(strstr(network.failure.text, "network or FUSE") != nullptr);
}

// ---- network

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

// ---- temperature

TEST(TemperatureIsTheHottestOfTheCpu) {
  FakeRoot root;
  root.Put("sys/class/thermal/thermal_zone0/type", "iwlwifi_1\n");
  root.Put("sys/class/thermal/thermal_zone0/temp", "99000\n");
  root.Put("sys/class/thermal/thermal_zone1/type", "cpu-thermal\n");
  root.Change("sys/class/thermal/thermal_zone1/temp", "51500\n");
  root.Put("sys/class/thermal/thermal_zone2/type", "soc-thermal\n");
  root.Put("sys/class/thermal/thermal_zone2/temp", "-650788984\n");
  Reader reader(Metric::kTemperature);
  CHECK(reader.probe->blocking());
  CHECK_NEAR(reader.Level(Metric::kTemperature), 51.5, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kTemperature), "thermal_zone1/temp"));
  root.Change("sys/class/thermal/thermal_zone1/temp", "999999\n");
  now += kSecond;
  CHECK(reader.WhyHas(Metric::kTemperature, "not a plausible temperature"));
}

TEST(TemperatureOfAZone) {
  FakeRoot root;
  root.Put("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n");
  root.Put("sys/class/thermal/thermal_zone0/temp", "40000\n");
  root.Put("sys/class/thermal/thermal_zone7/type", "gpu-thermal\n");
  root.Put("sys/class/thermal/thermal_zone7/temp", "77000\n");
  root.Put("sys/class/hwmon/hwmon0/name", "nvme\n");
  root.Put("sys/class/hwmon/hwmon0/temp1_input", "33000\n");
  root.Put("sys/class/hwmon/hwmon0/temp2_label", "Sensor 1\n");
  root.Put("sys/class/hwmon/hwmon0/temp2_input", "35000\n");
  Selector selector;
  selector.name = "gpu-thermal";
  CHECK_NEAR(Reader(Metric::kTemperature, selector).Level(Metric::kTemperature), 77, 1e-9);
  selector.name = "nvme";
  CHECK_NEAR(Reader(Metric::kTemperature, selector).Level(Metric::kTemperature), 35, 1e-9);
  selector.name = "Sensor 1";
  CHECK_NEAR(Reader(Metric::kTemperature, selector).Level(Metric::kTemperature), 35, 1e-9);
  selector.name = "cpu";
  Reader wrong(Metric::kTemperature, selector);
  CHECK(wrong.probe == nullptr);
  CHECK(strstr(wrong.failure.text, "there is cpu-thermal, gpu-thermal, nvme") != nullptr);
}

TEST(TemperatureFromHwmonWhereNoZoneTells) {
  FakeRoot root;
  root.Put("sys/class/hwmon/hwmon0/name", "nvme\n");
  root.Put("sys/class/hwmon/hwmon0/temp1_input", "90000\n");
  root.Put("sys/class/hwmon/hwmon3/name", "k10temp\n");
  root.Put("sys/class/hwmon/hwmon3/temp1_input", "61000\n");
  CHECK_NEAR(Reader(Metric::kTemperature).Level(Metric::kTemperature), 61, 1e-9);
}

TEST(TemperatureWithoutSensors) {
  FakeRoot root;
  Reader reader(Metric::kTemperature);
  CHECK(reader.probe == nullptr);
  CHECK(strstr(reader.failure.text, "no temperature sensor") != nullptr);
}

// ---- throttled

TEST(ThrottledByTheFirmware) {
  FakeRoot root;
  root.Change("sys/bus/platform/drivers/raspberrypi-firmware/soc:firmware/get_throttled", "50000\n");
  Reader reader(Metric::kThrottled);
  CHECK(reader.probe->blocking());
  CHECK_NEAR(reader.Level(Metric::kThrottled), 0, 0);
  root.Change("sys/bus/platform/drivers/raspberrypi-firmware/soc:firmware/get_throttled", "50005\n");
  CHECK_NEAR(reader.Level(Metric::kThrottled), 1, 0);
}

TEST(ThrottledWhileCountsGrow) {
  FakeRoot root;
  root.Change("sys/devices/system/cpu/cpu1/thermal_throttle/package_throttle_count", "7\n");
  Reader reader(Metric::kThrottled);
  CHECK_NEAR(reader.Level(Metric::kThrottled), 0, 0);
  root.Change("sys/devices/system/cpu/cpu1/thermal_throttle/package_throttle_count", "9\n");
  now += kSecond;
  CHECK_NEAR(reader.Level(Metric::kThrottled), 1, 0);
  now += kSecond;
  CHECK_NEAR(reader.Level(Metric::kThrottled), 1, 0);
  now += 2 * kSecond;
  CHECK_NEAR(reader.Level(Metric::kThrottled), 0, 0);
}

TEST(ThrottledByACoolingDevice) {
  FakeRoot root;
  root.Put("sys/class/thermal/cooling_device0/type", "pwm-fan\n");
  root.Put("sys/class/thermal/cooling_device0/cur_state", "3\n");
  Reader fan(Metric::kThrottled);
  CHECK(fan.probe == nullptr);
  root.Put("sys/class/thermal/cooling_device1/type", "thermal-cpufreq-0\n");
  root.Change("sys/class/thermal/cooling_device1/cur_state", "0\n");
  Reader reader(Metric::kThrottled);
  CHECK_NEAR(reader.Level(Metric::kThrottled), 0, 0);
  root.Change("sys/class/thermal/cooling_device1/cur_state", "2\n");
  CHECK_NEAR(reader.Level(Metric::kThrottled), 1, 0);
  CHECK(EndsWith(reader.probe->Origin(Metric::kThrottled), "cooling_device1/cur_state"));
}

// ---- battery, power.online

TEST(PowerOfADesktop) {
  FakeRoot root;
  Reader reader(Metric::kPowerOnline);
  CHECK(!reader.probe->blocking());
  CHECK_NEAR(reader.Level(Metric::kPowerOnline), 1, 0);
  CHECK(reader.WhyHas(Metric::kBattery, "no battery"));
}

void PutBattery(FakeRoot* root, const char* folder, const char* capacity, const char* now_, const char* full) {
  char path[128];
  const char* const leaves[][2] = {{"type", "Battery\n"}, {"present", "1\n"},    {"capacity", capacity},
                                   {"energy_now", now_},  {"energy_full", full}, {"status", "Discharging\n"}};
  for (const auto& leaf : leaves) {
    snprintf(path, sizeof(path), "sys/class/power_supply/%s/%s", folder, leaf[0]);
    root->Put(path, leaf[1]);
  }
}

TEST(PowerOfALaptop) {
  FakeRoot root;
  PutBattery(&root, "BAT0", "80\n", "40\n", "50\n");
  PutBattery(&root, "BAT1", "20\n", "2\n", "10\n");
  root.Put("sys/class/power_supply/AC/type", "Mains\n");
  root.Change("sys/class/power_supply/AC/online", "0\n");
  root.Put("sys/class/power_supply/hidpp_battery_0/type", "Battery\n");
  root.Put("sys/class/power_supply/hidpp_battery_0/scope", "Device\n");
  root.Put("sys/class/power_supply/hidpp_battery_0/capacity", "5\n");
  Reader reader(Metric::kBattery);
  CHECK(reader.probe->blocking());
  CHECK_NEAR(reader.Level(Metric::kBattery), 70, 1e-9);
  CHECK_NEAR(reader.Level(Metric::kPowerOnline), 0, 0);
  root.Change("sys/class/power_supply/AC/online", "1\n");
  CHECK_NEAR(reader.Level(Metric::kPowerOnline), 1, 0);
}

TEST(PowerOfABoardWithABatteryAlone) {
  FakeRoot root;
  PutBattery(&root, "axp20x-battery", "55\n", "1\n", "2\n");
  Reader reader(Metric::kBattery);
  CHECK_NEAR(reader.Level(Metric::kBattery), 55, 1e-9);
  CHECK_NEAR(reader.Level(Metric::kPowerOnline), 0, 0);
}

// ---- swap.rate, pressure.*.full

TEST(SwapRate) {
  FakeRoot root;
  root.Change("proc/vmstat", "pswpin 100\npswpout 50\n");
  Reader reader(Metric::kSwapRate);
  const Reading first = reader.Read(Metric::kSwapRate);
  now += kSecond;
  root.Change("proc/vmstat", "pswpin 110\npswpout 80\n");
  CHECK_NEAR(Quotient(first, reader.Read(Metric::kSwapRate)), 40.0 * static_cast<double>(sysconf(_SC_PAGESIZE)), 1e-6);
  CHECK(EndsWith(reader.probe->Origin(Metric::kSwapRate), "/proc/vmstat"));
}

TEST(PressureFull) {
  FakeRoot root;
  root.Change("proc/pressure/memory", "some avg10=0 total=1000000\nfull avg10=0 total=500000\n");
  root.Change("proc/pressure/cpu", "some avg10=0 total=1000000\n");
  Reader reader(Metric::kPressureMemoryFull);
  const Reading first = reader.Read(Metric::kPressureMemoryFull);
  now += kSecond;
  root.Change("proc/pressure/memory", "some avg10=0 total=1900000\nfull avg10=0 total=600000\n");
  CHECK_NEAR(Quotient(first, reader.Read(Metric::kPressureMemoryFull)), 0.1, 1e-9);
  CHECK(reader.WhyHas(Metric::kPressureCpuFull, "no line \"full\""));
  CHECK_EQ(reader.Read(Metric::kPressureCpu).state, Reading::kKnown);
}

// ---- process.footprint, process.fds

TEST(DescriptorsOfOurOwn) {
  Reader reader(Metric::kProcessFds);
  const double before = reader.Level(Metric::kProcessFds);
  CHECK(before > 0 && before < 100);
  int fds[64];
  for (int& fd : fds) fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  CHECK_NEAR(reader.Level(Metric::kProcessFds), before, 0);  // not yet looked at again
  now += kSecond;
  const double after = reader.Level(Metric::kProcessFds);
  for (int fd : fds) close(fd);
  CHECK_NEAR((after - before) / 100 * static_cast<double>(sysconf(_SC_OPEN_MAX)), 64, 1e-6);
}

TEST(FootprintIsWhatIsOurs) {
  Reader reader(Metric::kProcessFootprint);
  const double before = reader.Level(Metric::kProcessFootprint);
  constexpr size_t kSize = size_t{16} << 20;
  char* block = new char[kSize];
  for (size_t i = 0; i < kSize; i += 512) static_cast<volatile char*>(block)[i] = 1;
  now += kSecond;
  const double after = reader.Level(Metric::kProcessFootprint);
  CHECK(after - before > 12e6);
  delete[] block;
}

TEST(FootprintAndDescriptorsOfATree) {
  const pid_t pid = fork();
  if (pid == 0) {
    pause();
    _exit(0);
  }
  Selector selector;
  selector.pid = pid;
  Reader single(Metric::kProcessFds, selector);
  selector.tree = true;
  Reader tree(Metric::kProcessFds, selector);
  CHECK(single.Level(Metric::kProcessFds) > 0);
  CHECK_NEAR(tree.Level(Metric::kProcessFds), single.Level(Metric::kProcessFds), 1e-9);
  CHECK(single.Level(Metric::kProcessFootprint) > 0);
  CHECK(tree.Level(Metric::kProcessFootprint) > 0);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  now += 10 * kSecond;
  CHECK(tree.WhyHas(Metric::kProcessFds, "have ended"));
  CHECK(single.WhyHas(Metric::kProcessFootprint, "has ended"));
}

}  // namespace
}  // namespace tripline
