// temperature, throttled, battery, power.online over made-up file trees.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <string>

#include "fixture.h"
#include "linux/file.h"
#include "reader.h"

namespace tripline {
namespace {

using test::EndsWith;
using test::FakeRoot;
using test::now;
using test::Reader;

struct Leaf {
  const char* name;
  const char* text;
};

// Writes files with one value each into a folder, and adds the line ends.
void PutAll(FakeRoot* root, const std::string& folder, std::initializer_list<Leaf> leaves) {
  for (const Leaf& leaf : leaves) {
    root->Change((folder + "/" + leaf.name).c_str(), (std::string(leaf.text) + "\n").c_str());
  }
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

TEST(TemperatureFromHwmonWithoutAUsefulZone) {
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

TEST(TemperatureOfMoreSensorsThanAnyTableHolds) {
  FakeRoot root;
  for (int chip = 0; chip < 2; chip++) {
    const std::string folder = "sys/class/hwmon/hwmon" + std::to_string(chip);
    PutAll(&root, folder, {{"name", "coretemp"}});
    for (int input = 1; input <= 70; input++) {
      const bool hottest = chip == 1 && input == 70;
      PutAll(&root, folder, {{("temp" + std::to_string(input) + "_input").c_str(), hottest ? "97000" : "50000"}});
    }
  }
  CHECK_NEAR(Reader(Metric::kTemperature).Level(Metric::kTemperature), 97, 1e-9);
}

TEST(TemperatureOfAZoneWithAHighNumber) {
  FakeRoot root;
  for (int zone = 0; zone < 90; zone++) {
    PutAll(&root, "sys/class/thermal/thermal_zone" + std::to_string(zone), {{"type", "pm-thermal"}, {"temp", "99000"}});
  }
  PutAll(&root, "sys/class/thermal/thermal_zone90", {{"type", "cpu-thermal"}, {"temp", "61000"}});
  CHECK_NEAR(Reader(Metric::kTemperature).Level(Metric::kTemperature), 61, 1e-9);
}

TEST(TemperatureOfAZoneWhoseTypeHoldsBlanks) {
  FakeRoot root;
  PutAll(&root, "sys/class/thermal/thermal_zone0", {{"type", "INT3400 Thermal"}, {"temp", "20000"}});
  Selector selector;
  selector.name = "INT3400 Thermal";
  CHECK_NEAR(Reader(Metric::kTemperature, selector).Level(Metric::kTemperature), 20, 1e-9);
  selector.name = "int3400 thermal";
  CHECK_NEAR(Reader(Metric::kTemperature, selector).Level(Metric::kTemperature), 20, 1e-9);
  selector.name = "INT3400";
  Reader part(Metric::kTemperature, selector);
  CHECK(part.probe == nullptr);
  CHECK(strstr(part.failure.text, "there is INT3400 Thermal") != nullptr);
}

TEST(TemperatureThatIsMissingNamesOnlyWhatFits) {
  FakeRoot root;
  for (int zone = 0; zone < 20; zone++) {
    PutAll(&root, "sys/class/thermal/thermal_zone" + std::to_string(zone),
           {{"type", ("zone-of-" + std::to_string(zone)).c_str()}, {"temp", "20000"}});
  }
  Reader reader(Metric::kTemperature, test::Named("elsewhere"));
  CHECK(reader.probe == nullptr);
  CHECK(EndsWith(reader.failure.text, " and more"));
}

TEST(TemperatureOfABoardIsNotThatOfItsPmic) {
  FakeRoot root;
  PutAll(&root, "sys/class/thermal/thermal_zone0", {{"type", "PMIC-Die"}, {"temp", "100000"}});
  PutAll(&root, "sys/class/thermal/thermal_zone1", {{"type", "gpu-core"}, {"temp", "90000"}});
  PutAll(&root, "sys/class/thermal/thermal_zone2", {{"type", "AO-therm"}, {"temp", "41000"}});
  CHECK_NEAR(Reader(Metric::kTemperature).Level(Metric::kTemperature), 41, 1e-9);
}

TEST(TemperatureOfInputsThatAreBadOrOff) {
  FakeRoot root;
  PutAll(&root, "sys/class/hwmon/hwmon0",
         {{"name", "nct6775"},
          {"temp1_input", "45000"},
          {"temp2_input", "127000"},
          {"temp2_fault", "1"},
          {"temp3_input", "111000"},
          {"temp3_enable", "0"},
          {"temp4_input", "46000"},
          {"temp4_fault", "0"},
          {"temp4_enable", "1"}});
  Reader reader(Metric::kTemperature, test::Named("nct6775"));
  CHECK_NEAR(reader.Level(Metric::kTemperature), 46, 1e-9);
  PutAll(&root, "sys/class/hwmon/hwmon0", {{"temp4_fault", "1"}});
  CHECK_NEAR(reader.Level(Metric::kTemperature), 45, 1e-9);
  PutAll(&root, "sys/class/hwmon/hwmon0", {{"temp1_input", "?"}});
  CHECK(reader.WhyHas(Metric::kTemperature, "not a plausible temperature"));
}

TEST(TemperatureOfAProcessorWithAnOffset) {
  FakeRoot root;
  PutAll(&root, "sys/class/hwmon/hwmon0",
         {{"name", "k10temp"},
          {"temp1_label", "Tctl"},
          {"temp1_input", "89000"},
          {"temp2_label", "Tdie"},
          {"temp2_input", "62000"}});
  CHECK_NEAR(Reader(Metric::kTemperature).Level(Metric::kTemperature), 62, 1e-9);
  Selector selector;
  selector.name = "Tctl";
  CHECK_NEAR(Reader(Metric::kTemperature, selector).Level(Metric::kTemperature), 89, 1e-9);
  // A processor without an offset has no Tdie.
  root.Remove("sys/class/hwmon/hwmon0/temp2_label");
  root.Remove("sys/class/hwmon/hwmon0/temp2_input");
  CHECK_NEAR(Reader(Metric::kTemperature).Level(Metric::kTemperature), 89, 1e-9);
}

TEST(TemperatureInWholeDegrees) {
  FakeRoot root;
  PutAll(&root, "sys/class/thermal/thermal_zone0", {{"type", "cpu_thermal_zone"}, {"temp", "85"}});
  CHECK_NEAR(Reader(Metric::kTemperature).Level(Metric::kTemperature), 85, 1e-9);
}

// ---- drivers that are loaded again

// Reads of a descriptor that was already open fail because its device is gone, as in sysfs.
FileCalls real_calls;
bool fresh[1024];

int OpenFresh(const char* path) {
  const int fd = real_calls.open(path);
  if (fd >= 0) fresh[fd] = true;
  return fd;
}

ssize_t ReadUnlessGone(int fd, void* data, size_t size, off_t offset) {
  if (fresh[fd]) return real_calls.pread(fd, data, size, offset);
  errno = ENODEV;
  return -1;
}

struct DriversAreGone {
  DriversAreGone() {
    memset(fresh, 0, sizeof(fresh));
    real_calls = file_calls;
    file_calls.open = OpenFresh;
    file_calls.pread = ReadUnlessGone;
  }
  ~DriversAreGone() { file_calls = real_calls; }
};

TEST(TemperatureFollowsAChipThatIsNumberedAnew) {
  FakeRoot root;
  PutAll(&root, "sys/class/hwmon/hwmon2", {{"name", "coretemp"}, {"temp1_input", "50000"}});
  PutAll(&root, "sys/class/thermal/thermal_zone0", {{"type", "acpitz"}, {"temp", "27800"}});
  Reader reader(Metric::kTemperature);
  CHECK_NEAR(reader.Level(Metric::kTemperature), 50, 1e-9);
  DriversAreGone gone;
  root.Remove("sys/class/hwmon/hwmon2");
  PutAll(&root, "sys/class/hwmon/hwmon2", {{"name", "nvme"}, {"temp1_input", "35000"}});
  now += kSecond;
  // Neither the disk that now has its number nor a worse sensor replaces it.
  CHECK(reader.WhyHas(Metric::kTemperature, "ENODEV"));
  PutAll(&root, "sys/class/hwmon/hwmon3", {{"name", "coretemp"}, {"temp1_input", "91000"}});
  now += 2 * kSecond;
  CHECK_NEAR(reader.Level(Metric::kTemperature), 91, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kTemperature), "hwmon3/temp1_input"));
}

TEST(TemperatureIsLookedForElsewhereWhereNoSensorHasOne) {
  FakeRoot root;
  PutAll(&root, "sys/class/thermal/thermal_zone0", {{"type", "cpu-thermal"}, {"temp", "50000"}});
  Reader reader(Metric::kTemperature);
  CHECK_NEAR(reader.Level(Metric::kTemperature), 50, 1e-9);
  root.Change("sys/class/thermal/thermal_zone0/temp", "gone\n");
  root.Remove("sys/class/thermal/thermal_zone0");
  now += kSecond;
  CHECK(reader.WhyHas(Metric::kTemperature, "thermal"));
  PutAll(&root, "sys/class/thermal/thermal_zone3", {{"type", "cpu-thermal"}, {"temp", "96000"}});
  now += 10 * kSecond;
  CHECK_NEAR(reader.Level(Metric::kTemperature), 96, 1e-9);
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

TEST(ThrottledByAnyCpu) {
  FakeRoot root;
  const auto set = [&](int cpu, const char* core, const char* package) {
    PutAll(&root, "sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/thermal_throttle",
           {{"core_throttle_count", core}, {"package_throttle_count", package}});
  };
  for (int cpu = 0; cpu < 200; cpu++) set(cpu, "100", "100");
  Reader reader(Metric::kThrottled);
  CHECK(EndsWith(reader.probe->Origin(Metric::kThrottled), "cpu0/thermal_throttle"));
  CHECK_NEAR(reader.Level(Metric::kThrottled), 0, 0);
  set(199, "100", "101");
  now += kSecond;
  CHECK_NEAR(reader.Level(Metric::kThrottled), 1, 0);
  CHECK(EndsWith(reader.probe->Origin(Metric::kThrottled), "cpu199/thermal_throttle/package_throttle_count"));
  now += 3 * kSecond;
  CHECK_NEAR(reader.Level(Metric::kThrottled), 0, 0);
  // A CPU that is switched off and on again continues at its old count. A new CPU starts at its current count.
  root.Remove("sys/devices/system/cpu/cpu7");
  now += kSecond;
  CHECK_NEAR(reader.Level(Metric::kThrottled), 0, 0);
  set(7, "100", "100");
  set(300, "900", "900");
  now += kSecond;
  CHECK_NEAR(reader.Level(Metric::kThrottled), 0, 0);
  set(300, "901", "900");
  now += kSecond;
  CHECK_NEAR(reader.Level(Metric::kThrottled), 1, 0);
}

TEST(ThrottledByACoolerWithAHighNumber) {
  FakeRoot root;
  for (int i = 0; i < 100; i++) {
    PutAll(&root, "sys/class/thermal/cooling_device" + std::to_string(i), {{"type", "Fan"}, {"cur_state", "1"}});
  }
  PutAll(&root, "sys/class/thermal/cooling_device100", {{"type", "cpufreq-cpu0"}, {"cur_state", "0"}});
  Reader reader(Metric::kThrottled);
  CHECK_NEAR(reader.Level(Metric::kThrottled), 0, 0);
  PutAll(&root, "sys/class/thermal/cooling_device100", {{"cur_state", "1"}});
  CHECK_NEAR(reader.Level(Metric::kThrottled), 1, 0);
  // Another device gets the number.
  PutAll(&root, "sys/class/thermal/cooling_device100", {{"type", "pwm-fan"}});
  CHECK(reader.WhyHas(Metric::kThrottled, "is gone"));
}

// ---- undervoltage

TEST(UndervoltageIsOneBitOfTheFirmware) {
  FakeRoot root;
  Reader none(Metric::kUndervoltage);
  CHECK(none.probe == nullptr);
  CHECK(strstr(none.failure.text, "Raspberry Pi") != nullptr);
  // The frequency is capped, the CPU is throttled, and the voltage has been low in the past.
  root.Change("sys/devices/platform/soc/soc:firmware/get_throttled", "10006\n");
  Reader reader(Metric::kUndervoltage);
  CHECK(reader.probe->blocking());
  CHECK_NEAR(reader.Level(Metric::kUndervoltage), 0, 1e-9);
  CHECK_NEAR(Reader(Metric::kThrottled).Level(Metric::kThrottled), 1, 1e-9);
  root.Change("sys/devices/platform/soc/soc:firmware/get_throttled", "1\n");
  CHECK_NEAR(reader.Level(Metric::kUndervoltage), 1, 1e-9);
  root.Change("sys/devices/platform/soc/soc:firmware/get_throttled", "?\n");
  CHECK(reader.WhyHas(Metric::kUndervoltage, "not a hexadecimal number"));
}

TEST(UndervoltageOfMainlineKernels) {
  FakeRoot root;
  root.Put("sys/class/hwmon/hwmon0/name", "cpu_thermal\n");
  root.Put("sys/class/hwmon/hwmon2/name", "rpi_volt\n");
  root.Change("sys/class/hwmon/hwmon2/in0_lcrit_alarm", "0\n");
  Reader reader(Metric::kUndervoltage);
  CHECK_NEAR(reader.Level(Metric::kUndervoltage), 0, 1e-9);
  root.Change("sys/class/hwmon/hwmon2/in0_lcrit_alarm", "1\n");
  CHECK_NEAR(reader.Level(Metric::kUndervoltage), 1, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kUndervoltage), "hwmon2/in0_lcrit_alarm"));
  root.Remove("sys/class/hwmon/hwmon2");
  CHECK(reader.WhyHas(Metric::kUndervoltage, "is gone"));
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

// The two figures of a made-up machine; -1 where one is unavailable.
struct Power {
  double battery = -1, online = -1;

  Power() {
    Reader reader(Metric::kBattery);
    if (reader.Read(Metric::kBattery).state == Reading::kKnown) battery = reader.Level(Metric::kBattery);
    if (reader.Read(Metric::kPowerOnline).state == Reading::kKnown) online = reader.Level(Metric::kPowerOnline);
  }
};

constexpr const char* kBattery0 = "sys/class/power_supply/BAT0";
constexpr const char* kBattery1 = "sys/class/power_supply/BAT1";

TEST(PowerOfADesktopWithAPort) {
  FakeRoot root;
  PutAll(&root, "sys/class/power_supply/ucsi-source-psy-USBC000:001",
         {{"type", "USB"}, {"scope", "System"}, {"online", "0"}});
  CHECK_NEAR(Power().online, 1, 0);
  CHECK_NEAR(Power().battery, -1, 0);
  CHECK(!Reader(Metric::kBattery).probe->blocking());
}

TEST(PowerOfABoardWhoseAdapterIsUnplugged) {
  FakeRoot root;
  PutAll(&root, "sys/class/power_supply/axp20x-ac", {{"type", "Mains"}, {"online", "0"}});
  CHECK_NEAR(Power().online, 1, 0);
}

TEST(PowerOfALaptopThatChargesThroughAPort) {
  FakeRoot root;
  PutAll(&root, kBattery0, {{"type", "Battery"}, {"present", "1"}, {"capacity", "40"}, {"status", "Charging"}});
  PutAll(&root, "sys/class/power_supply/AC", {{"type", "Mains"}, {"online", "0"}});
  CHECK_NEAR(Power().online, 1, 0);
  PutAll(&root, kBattery0, {{"status", "Discharging"}});
  CHECK_NEAR(Power().online, 0, 0);
  PutAll(&root, "sys/class/power_supply/ucsi0", {{"type", "USB"}, {"online", "1"}});
  CHECK_NEAR(Power().online, 1, 0);
}

TEST(PowerOfALaptopWithPortsOnly) {
  FakeRoot root;
  PutAll(&root, kBattery0, {{"type", "Battery"}, {"capacity", "80"}, {"status", "Not charging"}});
  PutAll(&root, "sys/class/power_supply/ucsi0", {{"type", "USB"}, {"online", "0"}});
  CHECK_NEAR(Power().online, 1, 0);
  PutAll(&root, kBattery0, {{"status", "Discharging"}});
  CHECK_NEAR(Power().online, 0, 0);
}

TEST(PowerInWordsOfAnyCase) {
  FakeRoot root;
  PutAll(&root, kBattery0, {{"type", "battery"}, {"capacity", "40"}, {"status", "discharging"}});
  PutAll(&root, kBattery1, {{"type", "Battery"}, {"scope", "DEVICE"}, {"capacity", "3"}, {"status", "Charging"}});
  CHECK_NEAR(Power().battery, 40, 1e-9);
  CHECK_NEAR(Power().online, 0, 0);
  PutAll(&root, "sys/class/power_supply/AC", {{"type", "MAINS"}, {"online", "1"}});
  CHECK_NEAR(Power().online, 1, 0);
}

TEST(PowerThatNothingReports) {
  FakeRoot root;
  PutAll(&root, kBattery0, {{"type", "Battery"}, {"capacity", "40"}, {"status", "Unknown"}});
  PutAll(&root, "sys/class/power_supply/ucsi0", {{"type", "USB"}, {"online", "0"}});
  Reader reader(Metric::kBattery);
  CHECK_NEAR(reader.Level(Metric::kBattery), 40, 1e-9);
  CHECK(reader.WhyHas(Metric::kPowerOnline, "no charger is shown"));
  PutAll(&root, "sys/class/power_supply/AC", {{"type", "Mains"}, {"online", "1"}});
  CHECK_NEAR(reader.Level(Metric::kPowerOnline), 1, 0);
}

TEST(BatteryWithoutACapacity) {
  FakeRoot root;
  PutAll(&root, kBattery0,
         {{"type", "Battery"},
          {"present", "1"},
          {"charge_now", "1500000"},
          {"charge_full", "3000000"},
          {"status", "Discharging"}});
  CHECK_NEAR(Power().battery, 50, 1e-9);
  CHECK_NEAR(Power().online, 0, 0);
  // The charge at which it was last full is not known either.
  root.Remove("sys/class/power_supply/BAT0/charge_full");
  PutAll(&root, kBattery0, {{"charge_full_design", "6000000"}});
  CHECK_NEAR(Power().battery, 25, 1e-9);
}

TEST(BatteryThatSaysNonsense) {
  FakeRoot root;
  PutAll(&root, kBattery0, {{"type", "Battery"}, {"capacity", "255"}, {"status", "Unknown"}});
  Reader reader(Metric::kBattery);
  CHECK(reader.WhyHas(Metric::kBattery, "BAT0: does not say how full it is"));
  PutAll(&root, kBattery0, {{"energy_now", "65535"}, {"energy_full", "4000"}});
  CHECK(reader.WhyHas(Metric::kBattery, "BAT0"));
  PutAll(&root, kBattery0, {{"energy_now", "3000"}});
  CHECK_NEAR(Power().battery, 75, 1e-9);
  // Slightly more than full counts as full.
  PutAll(&root, kBattery0, {{"capacity", "104"}});
  CHECK_NEAR(Power().battery, 100, 0);
  // With two batteries, the charge of one is not the whole.
  PutAll(&root, kBattery1, {{"type", "Battery"}, {"capacity", "-1"}});
  CHECK(reader.WhyHas(Metric::kBattery, "BAT1"));
}

TEST(BatteryThatWslMakesUp) {
  FakeRoot root;
  PutAll(&root, "sys/class/power_supply/battery",
         {{"type", "Battery"}, {"present", ""}, {"capacity", "0"}, {"status", "Full"}});
  PutAll(&root, "sys/class/power_supply/ac", {{"type", "Mains"}, {"online", "1"}});
  CHECK_NEAR(Power().battery, -1, 0);
  CHECK_NEAR(Power().online, 1, 0);
}

TEST(BatteriesInUnitsThatDiffer) {
  FakeRoot root;
  PutAll(&root, kBattery0,
         {{"type", "Battery"}, {"capacity", "80"}, {"energy_now", "40000000"}, {"energy_full", "50000000"}});
  PutAll(&root, kBattery1,
         {{"type", "Battery"},
          {"capacity", "20"},
          {"charge_now", "200000"},
          {"charge_full", "1000000"},
          {"voltage_min_design", "10000000"}});
  CHECK_NEAR(Power().battery, 70, 1e-9);
  // Without a plausible voltage, energy and charge cannot be compared.
  PutAll(&root, kBattery1, {{"voltage_min_design", "4294952836000"}});
  CHECK_NEAR(Power().battery, 50, 1e-9);
  // Both batteries report charges.
  PutAll(&root, kBattery0, {{"charge_now", "3000000"}, {"charge_full", "3000000"}});
  root.Remove("sys/class/power_supply/BAT0/energy_now");
  CHECK_NEAR(Power().battery, 80, 1e-9);
}

TEST(BatteriesOfDevicesAreNotTheMachines) {
  FakeRoot root;
  PutAll(&root, "sys/class/power_supply/hidpp_battery_0",
         {{"type", "Battery"}, {"scope", "Device"}, {"capacity", "5"}, {"status", "Discharging"}});
  PutAll(&root, "sys/class/power_supply/headset", {{"type", "USB"}, {"scope", "Device"}, {"online", "0"}});
  CHECK_NEAR(Power().battery, -1, 0);
  CHECK_NEAR(Power().online, 1, 0);
}

}  // namespace
}  // namespace tripline
