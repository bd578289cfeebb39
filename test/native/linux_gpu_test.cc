// gpu*: AMD and Tegra GPUs over made-up file trees, and NVIDIA's library with made-up functions.
#include <unistd.h>
#include <cstdio>
#include <cstring>
#include <initializer_list>

#include "fixture.h"
#include "port/gpu.h"
#include "reader.h"

namespace tripline {
namespace {

using test::EndsWith;
using test::FakeRoot;
using test::Named;
using test::now;
using test::Reader;

constexpr double kMiB = 1024 * 1024;

void PutCard(FakeRoot* root, int card, const char* leaf, const char* text) {
  char path[128];
  snprintf(path, sizeof(path), "sys/class/drm/card%d/device/%s", card, leaf);
  root->Change(path, text);
}

void PutAmd(FakeRoot* root, int card, const char* busy, const char* used, const char* celsius) {
  PutCard(root, card, "vendor", "0x1002\n");
  PutCard(root, card, "power/runtime_status", "active\n");
  PutCard(root, card, "gpu_busy_percent", busy);
  PutCard(root, card, "mem_info_vram_total", "8589934592\n");
  PutCard(root, card, "mem_info_vram_used", used);
  PutCard(root, card, "hwmon/hwmon4/name", "amdgpu\n");
  PutCard(root, card, "hwmon/hwmon4/temp1_input", celsius);
}

TEST(GpuOfAmd) {
  FakeRoot root;
  root.MakeDirectory("sys/class/drm/card1-HDMI-A-1");
  root.MakeDirectory("sys/class/drm/renderD128");
  PutAmd(&root, 1, "37\n", "1073741824\n", "61500\n");
  Reader reader(Metric::kGpu);
  CHECK(reader.probe->blocking());
  CHECK_NEAR(reader.Level(Metric::kGpu), 37, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kGpu), "card1/device/gpu_busy_percent"));
  CHECK_NEAR(reader.Level(Metric::kGpuMemoryAvailable), 7 * 1024 * kMiB, 1);
  CHECK_NEAR(reader.Level(Metric::kGpuTemperature), 61.5, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kGpuTemperature), "hwmon4/temp1_input"));
}

TEST(GpuOfSeveralIsTheOneInTrouble) {
  FakeRoot root;
  PutAmd(&root, 0, "10\n", "8589934592\n", "90000\n");
  PutAmd(&root, 1, "95\n", "1048576\n", "50000\n");
  Reader all(Metric::kGpu);
  CHECK_NEAR(all.Level(Metric::kGpu), 95, 1e-9);
  CHECK_NEAR(all.Level(Metric::kGpuMemoryAvailable), 0, 1e-9);
  CHECK_NEAR(all.Level(Metric::kGpuTemperature), 90, 1e-9);
  Reader one(Metric::kGpu, Named("card1"));
  CHECK_NEAR(one.Level(Metric::kGpu), 95, 1e-9);
  CHECK_NEAR(one.Level(Metric::kGpuTemperature), 50, 1e-9);
  // A GPU that stops answering may be the one in trouble, so the other GPU's value is not an answer.
  PutCard(&root, 0, "gpu_busy_percent", "");
  CHECK(all.WhyHas(Metric::kGpu, "not a number"));
  CHECK_NEAR(all.Level(Metric::kGpuTemperature), 90, 1e-9);
  CHECK_NEAR(one.Level(Metric::kGpu), 95, 1e-9);
}

TEST(GpuThatIsNotThereIsNamedWithThoseThatAre) {
  FakeRoot root;
  Reader none(Metric::kGpu);
  CHECK(none.probe == nullptr);
  CHECK(strstr(none.failure.text, "no GPU in /sys/class/drm") != nullptr);
  PutAmd(&root, 1, "37\n", "0\n", "61500\n");
  Reader wrong(Metric::kGpu, Named("card2"));
  CHECK(wrong.probe == nullptr);
  CHECK(strstr(wrong.failure.text, "no GPU \"card2\"; there is card1") != nullptr);
}

TEST(GpuWhoseDriverSaysNothing) {
  FakeRoot root;
  PutCard(&root, 0, "vendor", "0x8086\n");
  CHECK_EQ(symlink("../../../bus/pci/drivers/i915", root.PathOf("sys/class/drm/card0/device/driver")), 0);
  Reader reader(Metric::kGpu);
  CHECK(reader.probe == nullptr);
  CHECK(strstr(reader.failure.text, "card0 (i915)") != nullptr);
  // The other GPU of a laptop is still read.
  PutAmd(&root, 1, "12\n", "0\n", "40000\n");
  CHECK_NEAR(Reader(Metric::kGpu).Level(Metric::kGpu), 12, 1e-9);
}

TEST(GpuThatSleepsIsLeftAsleep) {
  FakeRoot root;
  PutAmd(&root, 0, "5\n", "0\n", "40000\n");
  PutAmd(&root, 1, "99\n", "0\n", "80000\n");
  PutCard(&root, 1, "power/runtime_status", "suspended\n");
  Reader all(Metric::kGpu);
  CHECK_NEAR(all.Level(Metric::kGpu), 5, 1e-9);
  Reader one(Metric::kGpu, Named("card1"));
  CHECK(one.WhyHas(Metric::kGpu, "card1 is asleep"));
  CHECK(one.WhyHas(Metric::kGpuMemoryAvailable, "asleep"));
  CHECK(one.WhyHas(Metric::kGpuTemperature, "asleep"));
  PutCard(&root, 1, "power/runtime_status", "active\n");
  now += kSecond;
  CHECK_NEAR(one.Level(Metric::kGpu), 99, 1e-9);
}

TEST(GpuThatSaysNonsense) {
  FakeRoot root;
  PutAmd(&root, 0, "65535\n", "9999999999999\n", "16777215000\n");
  Reader reader(Metric::kGpu);
  CHECK(reader.WhyHas(Metric::kGpu, "card0: not a plausible value: 65535"));
  CHECK(reader.WhyHas(Metric::kGpuMemoryAvailable, "not a plausible value"));
  CHECK(reader.WhyHas(Metric::kGpuTemperature, "not a plausible value"));
}

TEST(GpuThatIsPluggedInLater) {
  FakeRoot root;
  PutAmd(&root, 0, "5\n", "0\n", "40000\n");
  Reader reader(Metric::kGpu);
  CHECK_NEAR(reader.Level(Metric::kGpu), 5, 1e-9);
  PutAmd(&root, 1, "60\n", "0\n", "40000\n");
  now += 11 * kSecond;
  CHECK_NEAR(reader.Level(Metric::kGpu), 60, 1e-9);
  root.Remove("sys/class/drm/card0");
  root.Remove("sys/class/drm/card1");
  now += 11 * kSecond;
  CHECK(reader.WhyHas(Metric::kGpu, "no GPU in /sys/class/drm"));
}

TEST(GpuWithoutATemperature) {
  FakeRoot root;
  PutAmd(&root, 0, "5\n", "0\n", "40000\n");
  root.Remove("sys/class/drm/card0/device/hwmon");
  root.Remove("sys/class/drm/card0/device/mem_info_vram_total");
  Reader reader(Metric::kGpu);
  CHECK_NEAR(reader.Level(Metric::kGpu), 5, 1e-9);
  CHECK(reader.WhyHas(Metric::kGpuTemperature, "shows no temperature"));
  CHECK(reader.WhyHas(Metric::kGpuMemoryAvailable, "mem_info_vram_total: ENOENT"));
}

TEST(GpuOfTegra) {
  FakeRoot root;
  root.Change("sys/class/devfreq/17000000.gpu/device/load", "425\n");
  root.Put("sys/class/devfreq/13e40000.host1x/device/uevent", "\n");
  root.Put("sys/class/thermal/thermal_zone0/type", "CPU-therm\n");
  root.Put("sys/class/thermal/thermal_zone0/temp", "71000\n");
  root.Put("sys/class/thermal/thermal_zone1/type", "GPU-therm\n");
  root.Put("sys/class/thermal/thermal_zone1/temp", "48500\n");
  Reader reader(Metric::kGpu);
  CHECK_NEAR(reader.Level(Metric::kGpu), 42.5, 1e-9);
  CHECK_NEAR(reader.Level(Metric::kGpuTemperature), 48.5, 1e-9);
  CHECK(reader.WhyHas(Metric::kGpuMemoryAvailable, "no memory of its own"));
  CHECK_NEAR(Reader(Metric::kGpu, Named("17000000.gpu")).Level(Metric::kGpu), 42.5, 1e-9);
}

TEST(GpuOfTegraInWholeDegrees) {
  FakeRoot root;
  root.Change("sys/class/devfreq/17000000.gpu/device/load", "425\n");
  root.Put("sys/class/thermal/thermal_zone1/type", "GPU-therm\n");
  root.Put("sys/class/thermal/thermal_zone1/temp", "92\n");
  CHECK_NEAR(Reader(Metric::kGpu).Level(Metric::kGpuTemperature), 92, 1e-9);
}

TEST(GpuOfOldTegra) {
  FakeRoot root;
  root.Put("sys/devices/gpu.0/load", "1000\n");
  CHECK_NEAR(Reader(Metric::kGpu).Level(Metric::kGpu), 100, 1e-9);
}

TEST(GpuOfNvidiaWithoutItsLibrary) {
  FakeRoot root;
  root.Put("sys/bus/pci/devices/0000:01:00.0/class", "0x030200\n");
  root.Put("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n");
  root.Put("sys/bus/pci/devices/0000:01:00.1/class", "0x040300\n");
  root.Put("sys/bus/pci/devices/0000:01:00.1/vendor", "0x10de\n");
  Reader reader(Metric::kGpu);
  // On a machine that has the library, it does not know of the made-up GPU.
  CHECK_EQ(reader.Read(Metric::kGpu).state, Reading::kUnavailable);
  // The sound device of a graphics card is not a GPU.
  Reader sound(Metric::kGpu, Named("0000:01:00.1"));
  CHECK(sound.probe == nullptr);
  CHECK(strstr(sound.failure.text, "there is 0000:01:00.0") != nullptr);
  // This is not NVIDIA's own driver, so its library is not used either.
  CHECK_EQ(symlink("../../drivers/nouveau", root.PathOf("sys/bus/pci/devices/0000:01:00.0/driver")), 0);
  Reader nouveau(Metric::kGpu);
  CHECK(nouveau.probe == nullptr);
  CHECK(strstr(nouveau.failure.text, "0000:01:00.0 (nouveau)") != nullptr);
}

TEST(GpuOfNvidiaThatSleepsIsNotWokenByItsLibrary) {
  FakeRoot root;
  root.Put("sys/bus/pci/devices/0000:01:00.0/class", "0x030000\n");
  root.Put("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n");
  root.Put("sys/bus/pci/devices/0000:01:00.0/power/runtime_status", "suspended\n");
  CHECK(Reader(Metric::kGpu).WhyHas(Metric::kGpu, "0000:01:00.0 is asleep"));
}

// ---- the library

int answer = 0;  // the result of every call
unsigned busy = 0;
unsigned long long total = 0, unused = 0;
unsigned celsius = 0;
bool writes = true;
int starts = 0, quiet_starts = 0;
const char* left_out = "";

int Init() {
  starts++;
  return answer;
}
int InitWithFlags(unsigned flags) {
  if (flags == 2) quiet_starts++;
  return answer;
}
int GetCount(unsigned* out) {
  *out = 2;
  return answer;
}
int GetByAddress(const char* address, void** out) {
  *out = const_cast<char*>(address);
  return answer;
}
int GetByIndex(unsigned, void** out) {
  *out = &answer;
  return answer;
}
int GetUtilization(void*, unsigned* out) {
  if (writes) out[0] = busy;
  return answer;
}
int GetMemory(void*, unsigned long long* out) {
  if (writes) out[0] = total, out[1] = unused, out[2] = total - unused;
  return answer;
}
int GetTemperature(void*, unsigned sensor, unsigned* out) {
  CHECK_EQ(sensor, 0u);
  if (writes) *out = celsius;
  return answer;
}

void* OpenMadeUp(Failure*) { return &answer; }

void* FindMadeUp(void*, const char* name) {
  const struct {
    const char* name;
    void* function;
  } functions[] = {
      {"nvmlInit_v2", reinterpret_cast<void*>(Init)},
      {"nvmlInitWithFlags", reinterpret_cast<void*>(InitWithFlags)},
      {"nvmlDeviceGetCount_v2", reinterpret_cast<void*>(GetCount)},
      {"nvmlDeviceGetHandleByPciBusId_v2", reinterpret_cast<void*>(GetByAddress)},
      {"nvmlDeviceGetHandleByIndex_v2", reinterpret_cast<void*>(GetByIndex)},
      {"nvmlDeviceGetUtilizationRates", reinterpret_cast<void*>(GetUtilization)},
      {"nvmlDeviceGetMemoryInfo", reinterpret_cast<void*>(GetMemory)},
      {"nvmlDeviceGetTemperature", reinterpret_cast<void*>(GetTemperature)},
  };
  for (const auto& each : functions) {
    if (strcmp(each.name, name) == 0 && strcmp(left_out, name) != 0) return each.function;
  }
  return nullptr;
}

constexpr Nvml::System kMadeUp = {OpenMadeUp, FindMadeUp};

Readings ReadMadeUp(const Nvml& nvml) {
  GpuSummary summary;
  nvml.Read(&answer, "card0", kGpuMetrics, &summary);
  Readings readings;
  summary.Write(kGpuMetrics, &readings);
  return readings;
}

TEST(NvmlSaysHowItIs) {
  answer = 0, writes = true;
  busy = 88, total = 1000, unused = 300, celsius = 71;
  Nvml nvml(kMadeUp);
  Failure why;
  CHECK(nvml.Start(false, &why));
  CHECK(nvml.Start(false, &why));
  CHECK_EQ(starts, 1);
  uint32_t count = 0;
  CHECK(nvml.Count(&count, &why));
  CHECK_EQ(count, 2u);
  CHECK(nvml.FindByIndex(0, &why) != nullptr);
  Readings readings = ReadMadeUp(nvml);
  CHECK_NEAR(readings[Metric::kGpu].level, 88, 1e-9);
  CHECK_NEAR(readings[Metric::kGpuMemoryAvailable].level, 300, 1e-9);
  CHECK_NEAR(readings[Metric::kGpuTemperature].level, 71, 1e-9);
  // The sleeping GPU beside it is not woken.
  Nvml quiet(kMadeUp);
  CHECK(quiet.Start(true, &why));
  CHECK_EQ(starts, 1);
  CHECK_EQ(quiet_starts, 1);
}

TEST(NvmlThatLiesIsNotBelieved) {
  answer = 0, writes = true;
  busy = 250, total = 1000, unused = 3000, celsius = 4000;
  Nvml nvml(kMadeUp);
  Failure why;
  CHECK(nvml.Start(false, &why));
  for (const bool each : {true, false}) {
    writes = each;
    Readings readings = ReadMadeUp(nvml);
    CHECK_EQ(readings[Metric::kGpu].state, Reading::kUnavailable);
    CHECK_EQ(readings[Metric::kGpuMemoryAvailable].state, Reading::kUnavailable);
    CHECK_EQ(readings[Metric::kGpuTemperature].state, Reading::kUnavailable);
    CHECK(strstr(readings.failure.text, "card0: not a plausible value from NVML") != nullptr);
  }
}

TEST(NvmlThatRefuses) {
  writes = true;
  Failure why;
  left_out = "nvmlDeviceGetMemoryInfo";
  CHECK(!Nvml(kMadeUp).Start(false, &why));
  CHECK(strstr(why.text, "NVML has no nvmlDeviceGetMemoryInfo") != nullptr);
  left_out = "";
  answer = 18;
  Nvml nvml(kMadeUp);
  CHECK(!nvml.Start(false, &why));
  CHECK(strstr(why.text, "driver and library differ") != nullptr);
  answer = 0;
  CHECK(nvml.Start(false, &why));
  answer = 15;
  CHECK_EQ(ReadMadeUp(nvml)[Metric::kGpu].state, Reading::kUnavailable);
  CHECK(strstr(ReadMadeUp(nvml).failure.text, "the GPU is lost") != nullptr);
  CHECK(nvml.FindByAddress("0000:01:00.0", &why) == nullptr);
  // One GPU may report what another never does.
  answer = 3;
  GpuSummary summary;
  nvml.Read(&answer, "card0", kGpuMetrics, &summary);
  answer = 0, busy = 12;
  nvml.Read(&answer, "card1", kGpuMetrics, &summary);
  Readings readings;
  summary.Write(kGpuMetrics, &readings);
  CHECK_NEAR(readings[Metric::kGpu].level, 12, 1e-9);
}

}  // namespace
}  // namespace tripline
