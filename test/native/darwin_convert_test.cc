// Conversions of macOS's figures, given as plain numbers. The system calls themselves cannot run here.
#include "darwin/convert.h"

#include "check.h"

using namespace tripline::darwin;

TEST(DarwinTicksAreHundredthsOfASecond) {
  CpuSums sums;
  sums.Add({1000, 500, 9000, 10}, {1050, 520, 9320, 20});
  CHECK_NEAR(sums.all, 4, 1e-9);
  CHECK_NEAR(sums.busy, 0.8, 1e-9);
}

TEST(DarwinTicksWrap) {
  CpuSums sums;
  sums.Add({0xFFFFFFF0u, 0, 0xFFFFFFFFu, 0}, {0x10u, 0, 99u, 0});
  CHECK_NEAR(sums.busy, 0.32, 1e-9);
  CHECK_NEAR(sums.all, 1.32, 1e-9);
  // One step back is a correction, not a wrap.
  CpuSums none;
  none.Add({100, 100, 100, 100}, {99, 100, 100, 100});
  CHECK_EQ(none.all, 0.0);
}

TEST(DarwinProcessorsAddUp) {
  // Two processors with user, system, idle and nice ticks each. One count has wrapped, and one has its sign bit set.
  const int32_t before[] = {-16, 100, 1000, 0, 50, 5, -2147483647 - 1, 1};
  const int32_t after[] = {16, 110, 1060, 0, 70, 5, -2147483647 + 39, 1};
  const CpuTicks from = SumOfProcessors(before, 2), to = SumOfProcessors(after, 2);
  CHECK_EQ(from.system, 105u);
  CpuSums sums;
  sums.Add(from, to);
  CHECK_NEAR(sums.busy, 0.62, 1e-9);
  CHECK_NEAR(sums.all, 1.62, 1e-9);
  CHECK_EQ(SumOfProcessors(before, 0).idle, 0u);
}

TEST(DarwinPressureLevels) {
  CHECK(!IsCritical(0));  // not reported
  CHECK(!IsCritical(1));
  CHECK(!IsCritical(2));
  CHECK(IsCritical(4));
}

TEST(DarwinDescriptorsOfALimitThatMayBeNone) {
  CHECK_NEAR(ShareOfDescriptors(64, 256, 10240), 25, 1e-9);
  CHECK_NEAR(ShareOfDescriptors(1024, (uint64_t{1} << 63) - 1, 10240), 10, 1e-9);  // RLIM_INFINITY
  CHECK_NEAR(ShareOfDescriptors(64, 256, 0), 25, 1e-9);
  CHECK_EQ(ShareOfDescriptors(64, 0, 0), 0.0);
}

TEST(DarwinMemoryIsNotWhatIsFree) {
  // A healthy Mac with 32 GB has hardly any free pages; most of its memory is reclaimable cache.
  constexpr uint64_t kPage = 16384, kTotal = uint64_t{32} << 30;
  VmPages pages;
  pages.internal = 600000;
  pages.purgeable = 20000;
  pages.wired = 150000;
  pages.compressor = 50000;
  CHECK_EQ(AvailableMemory(pages, kTotal, kPage), kTotal - (600000 - 20000 + 150000 + 50000) * kPage);
  pages.internal = 10;
  CHECK_EQ(AvailableMemory(pages, kTotal, kPage), kTotal - 200000 * kPage);
  pages.wired = uint64_t{1} << 40;
  CHECK_EQ(AvailableMemory(pages, kTotal, kPage), 0);
}

TEST(DarwinShares) {
  CHECK_NEAR(ShareUsed(100, 40, 20), 75, 1e-9);
  CHECK_EQ(ShareUsed(0, 0, 0), 0.0);
  CHECK_EQ(ShareUsed(10, 20, 0), 0.0);
  // 100 times as much is rounded up.
  CHECK_EQ(ShareUsed(8448327319656880, 0, 0), 100.0);
}

TEST(DarwinProcessTimeIsInMachTicks) {
  CHECK_NEAR(MachSeconds(2000000000, 1, 1), 2, 1e-9);  // Intel
  CHECK_NEAR(MachSeconds(24000000, 125, 3), 1, 1e-9);  // Apple silicon: 24 MHz
  CHECK_NEAR(MachSeconds(1000000000, 1, 0), 1, 1e-9);
}

TEST(DarwinPathsUnderMounts) {
  CHECK(IsUnder("/Users/me", "/"));
  CHECK(IsUnder("/", "/"));
  CHECK(IsUnder("/Volumes/share", "/Volumes/share"));
  CHECK(IsUnder("/Volumes/share/x", "/Volumes/share"));
  CHECK(!IsUnder("/Volumes/shared", "/Volumes/share"));
  CHECK(!IsUnder("/Volumes", "/Volumes/share"));
  CHECK(IsUnder("/volumes/Share/x", "/Volumes/share"));
}

TEST(DarwinInterfacesWithHardware) {
  CHECK(IsHardwareInterface("en0", 3, 0x06));
  CHECK(IsHardwareInterface("en12", 4, 0x06));
  CHECK(IsHardwareInterface("pdp_ip0", 7, 0xFF));
  CHECK(!IsHardwareInterface("lo0", 3, 0x18));
  CHECK(!IsHardwareInterface("awdl0", 5, 0x06));
  CHECK(!IsHardwareInterface("bridge0", 7, 0xD1));
  CHECK(!IsHardwareInterface("utun3", 5, 0x01));
  CHECK(!IsHardwareInterface("en", 2, 0x06));
  // The interfaces of an access point, a virtual machine and a bond are not devices.
  CHECK(!IsHardwareInterface("ap1", 3, 0x06));
  CHECK(!IsHardwareInterface("vmenet0", 7, 0x06));
  CHECK(!IsHardwareInterface("bond0", 5, 0x88));
}

TEST(DarwinInterfacesWithoutHardware) {
  // Next to a hardware interface, the traffic of a tunnel is counted already.
  CHECK(IsCounted(true, true, 0x06));
  CHECK(!IsCounted(false, true, 0x01));
  // On a machine with only tunnels and loopback, the tunnels count.
  CHECK(IsCounted(false, false, 0x01));
  CHECK(!IsCounted(false, false, 0x18));
}

TEST(DarwinCountsThatStandStill) {
  CHECK(StandsStill(0, 1 << 20));
  CHECK(!StandsStill(1, 1 << 20));
  CHECK(!StandsStill(0, 1000));
  CHECK(!StandsStill(0, 0));
}

TEST(DarwinThermalLevels) {
  CHECK(!IsThrottled(0));
  CHECK(!IsThrottled(1));
  CHECK(IsThrottled(2));
  CHECK(IsThrottled(4));
}
