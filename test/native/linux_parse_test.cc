// Runs the parsers over captured and broken files.
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "check.h"
#include "fixture.h"
#include "linux/parse/cgroup.h"
#include "linux/parse/counters.h"
#include "linux/parse/meminfo.h"
#include "linux/parse/mountinfo.h"
#include "linux/parse/ppp.h"
#include "linux/parse/pressure.h"
#include "linux/parse/process.h"
#include "linux/parse/scan.h"
#include "linux/parse/sensor.h"
#include "linux/parse/stat.h"

namespace tripline {
namespace {

using test::Bytes;
using test::EachFixture;

constexpr uint64_t kKiB = 1024;

// ---- numbers

TEST(NumbersOfEveryLength) {
  // Compared with strtoull, for numbers at the end of the bytes and for numbers followed by more.
  char text[40];
  for (int digits = 1; digits <= 22; digits++) {
    for (const char* after : {"", " ", "\n", "x2345678", "/", ":", "\xb9\xb9\xb9\xb9\xb9\xb9\xb9\xb9"}) {
      int size = 0;
      for (int i = 0; i < digits; i++) text[size++] = static_cast<char>('0' + (i * 7 + digits) % 10);
      const int end = size;
      for (const char* each = after; *each != '\0'; each++) text[size++] = *each;
      text[size] = '\0';
      const Bytes bytes(text, static_cast<size_t>(size));
      Scanner scan(bytes.data, bytes.size);
      uint64_t value = 0;
      CHECK(scan.Number(&value));
      CHECK_EQ(value, strtoull(text, nullptr, 10));
      CHECK_EQ(scan.at() - bytes.data, end);
    }
  }
  uint64_t value = 7;
  CHECK(!Scanner("-1", 2).Number(&value));
  CHECK(!Scanner("abcdefghi", 9).Number(&value));
  CHECK_EQ(value, 7u);
}

// ---- /proc/stat

CpuTimes Total(const char* fixture) {
  const Bytes bytes(fixture);
  CpuTimes times;
  CHECK(ParseCpuTotal(bytes.data, bytes.size, &times));
  return times;
}

uint32_t CountCpus(const Bytes& bytes, uint32_t* last, CpuTimes* times) {
  uint32_t count = 0;
  for (CpuLines lines(bytes.data, bytes.size); lines.Next(last, times);) count++;
  return count;
}

TEST(StatColumns) {
  const CpuTimes arm = Total("linux/stat/6.1-arm-four");
  CHECK_EQ(arm.of[CpuTimes::kUser], 1415927u);
  CHECK_EQ(arm.of[CpuTimes::kIdle], 55128211u);
  CHECK_EQ(arm.of[CpuTimes::kSoftirq], 25101u);
  CHECK_EQ(arm.of[CpuTimes::kSteal], 0u);
}

TEST(StatOldKernelsLackColumns) {
  CHECK_EQ(Total("linux/stat/2.6.10-one-cpu-seven-columns").of[CpuTimes::kSoftirq], 456u);
  CHECK_EQ(Total("linux/stat/2.6.10-one-cpu-seven-columns").of[CpuTimes::kSteal], 0u);
  CHECK_EQ(Total("linux/stat/2.4-four-columns").of[CpuTimes::kIdle], 4000u);
  CHECK_EQ(Total("linux/stat/2.4-four-columns").of[CpuTimes::kIowait], 0u);
}

TEST(StatGuestsAreNotCountedTwice) {
  const CpuTimes times = Total("linux/stat/guests");
  uint64_t sum = 0;
  for (uint64_t field : times.of) sum += field;
  CHECK_EQ(sum, 5000u + 400 + 1000 + 90000 + 500 + 10 + 90 + 300);
}

TEST(StatCpusByTheirNumber) {
  uint32_t last = 0;
  CpuTimes times;
  CHECK_EQ(CountCpus(Bytes("linux/stat/5.15-256-cpus"), &last, &times), 256u);
  CHECK_EQ(last, 255u);
  CHECK_EQ(CountCpus(Bytes("linux/stat/offline-one-and-two"), &last, &times), 3u);
  CHECK_EQ(last, 10u);
}

TEST(StatGarbage) {
  CpuTimes times;
  for (const char* text : {"", "cpu", "cpu ", "cpu  1 2 3", "cpu0 1 2 3 4", "CPU  1 2 3 4", "cpu  -1 2 3 4"}) {
    const Bytes bytes(text, strlen(text));
    CHECK(!ParseCpuTotal(bytes.data, bytes.size, &times));
  }
  const char* huge = "cpu  99999999999999999999999999 1 1 1 1\n";
  const Bytes bytes(huge, strlen(huge));
  CHECK(ParseCpuTotal(bytes.data, bytes.size, &times));
  CHECK_EQ(times.of[CpuTimes::kUser], UINT64_MAX);
}

TEST(CpuLists) {
  uint32_t count = 0;
  for (const char* text : {"0-3,6\n", "0-1,3-4,9", "0,1,2,3,4\n"}) {
    CHECK(ParseCpuList(text, strlen(text), &count));
    CHECK_EQ(count, 5u);
  }
  for (const char* text : {"", "\n", "0-", "3-1", "0-99999999", "a", "0 1", "0-1,"}) {
    CHECK(!ParseCpuList(text, strlen(text), &count));
  }
}

// ---- /proc/meminfo

Meminfo Memory(const char* fixture) {
  const Bytes bytes(fixture);
  Meminfo memory;
  CHECK(ParseMeminfo(bytes.data, bytes.size, true, &memory));
  return memory;
}

TEST(MeminfoFields) {
  const Meminfo pi = Memory("linux/meminfo/pi-zero-2");
  CHECK_EQ(pi.total, 437036 * kKiB);
  CHECK_EQ(pi.available, 227540 * kKiB);
  CHECK_EQ(pi.swap_total, 102396 * kKiB);
  CHECK_EQ(pi.swap_free, 80124 * kKiB);
  CHECK_EQ(Memory("linux/meminfo/6.18-no-swap").swap_total, 0u);
}

TEST(MeminfoWithoutBlanks) {
  const Meminfo memory = Memory("linux/meminfo/no-blanks");
  CHECK_EQ(memory.available, 12288 * kKiB);
  CHECK_EQ(memory.swap_free, 512 * kKiB);
}

TEST(MeminfoWithoutAvailable) {
  CHECK_EQ(Memory("linux/meminfo/2.6.32-no-available").available, (107412 + 112028 + 433180 + 71172 - 1004) * kKiB);
  CHECK_EQ(Memory("linux/meminfo/available-is-zero").available, (100000 + 10000 + 50000 + 1000 - 5000) * kKiB);
}

TEST(MeminfoOfAMachineThatIsRunningOut) {
  Meminfo memory;
  const char* const text =
      "MemTotal: 500000 kB\nMemFree: 12000 kB\nMemAvailable: 0 kB\nBuffers: 0 kB\nCached: 9000 kB\nShmem: 8000 kB\n";
  CHECK(ParseMeminfo(text, strlen(text), false, &memory));
  CHECK_EQ(memory.available, 0u);
}

// ---- what no kernel writes

// A parser must not take the digits before or after something else for the number.
TEST(NumbersWithSomethingElse) {
  uint64_t count = 0, other = 0;
  double number = 0;
  ProcessIo io;
  Pressure pressure;
  BlockStat block;
  CpuTimes times;
  int64_t integer = 0;
  const auto parses = [&](int parser, const char* text) {
    const size_t size = strlen(text);
    switch (parser) {
      case 0: return ParseCount(text, size, &count);
      case 1: return ParseLimit(text, size, &count);
      case 2: return ParseCpuMax(text, size, &number);
      case 3: return ParseStatm(text, size, &count, &other);
      case 4: return ParseProcessIo(text, size, &io);
      case 5: return ParsePressure(text, size, &pressure);
      case 6: return ParseBlockStat(text, size, kAllColumns, &block);
      case 7: return ParseCpuTotal(text, size, &times);
      case 8: return ParseInteger(text, size, &integer);
      case 9: return ParseHex(text, size, &count);
      case 10: return ParseLoadavg(text, size, &number);
      case 11: return ParseOpenFilesLimit(text, size, &count);
      case 12: return ParseSwapCounters(text, size, &count);
      default: return ParseEventsMax(text, size, &count);
    }
  };
// The lines before, at their shortest.
#define IO "rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\n"
  const struct {
    int parser;
    const char* good;
    const char* bad;
  } all[] = {
      {0, "12\n", "12x\n"},
      {0, "12", "18446744073709551616"},
      {0, " 12\n", "-12\n"},
      {0, "0\n", "0x100\n"},
      {0, "12\n", "12\r\n"},
      {0, "12\n", "12 13\n"},
      {1, "-1\n", "-1x\n"},
      {1, "max\n", "max 5\n"},
      {2, "max\n", "maximal\n"},
      {2, "5 100\n", "5 100x\n"},
      {2, "max 100\n", "max x\n"},
      {3, "5 4 3\n", "5 4x 3\n"},
      {4, IO "read_bytes: 5\nwrite_bytes: 6\n", IO "read_bytes: 5x\nwrite_bytes: 6\n"},
      {4, IO "read_bytes: 5\nwrite_bytes: 6\n", IO "read_bytes: 5\nwrite_bytes: 0x6\n"},
      {5, "some avg10=0.00 total=7\n", "some avg10=0.00 total=7x\n"},
      {6, "1 2 3 4 5 6 7 8 9 10 11\n", "1 2 3 4 5 6 7 8 9 10x 11\n"},
      {7, "cpu  1 2 3 4\n", "cpu  1 2 3 4x\n"},
      {7, "cpu  1 2 3 4 5 6\n", "cpu  1 2 3 4 5 -6\n"},
      {8, "-5\n", "-5.5\n"},
      {9, "0x50005\n", "0x5000g\n"},
      {10, "0.50 0.40\n", "0.50x 0.40\n"},
      {11, "Max open files  10  20  files\n", "Max open files  10x  20  files\n"},
      {12, "pswpin 1\npswpout 2\n", "pswpin 1\npswpout 2.5\n"},
      {13, "low 0\nmax 4\n", "low 0\nmax four\n"},
  };
#undef IO
  for (const auto& each : all) {
    CHECK(parses(each.parser, each.good));
    CHECK(!parses(each.parser, each.bad));
  }
}

TEST(MeminfoWithMoreAvailableThanThereIs) {
  CHECK_EQ(Memory("linux/meminfo/container-nonsense").available, 262144 * kKiB);
  Meminfo memory;
  // There is no value if even MemFree is implausible or missing.
  for (const char* text :
       {"MemTotal: 10 kB\nMemFree: 11 kB\nMemAvailable: 12 kB\n", "MemTotal: 10 kB\nMemAvailable: 12 kB\n"}) {
    CHECK(!ParseMeminfo(text, strlen(text), false, &memory));
    CHECK(!ParseMeminfo(text, strlen(text), true, &memory));
  }
}

TEST(MeminfoSkipsSwapUnlessAsked) {
  const Bytes bytes("linux/meminfo/pi-zero-2");
  Meminfo memory;
  CHECK(ParseMeminfo(bytes.data, bytes.size, false, &memory));
  CHECK_EQ(memory.swap_total, 0u);
  CHECK(!ParseMeminfo("MemFree: 1 kB\n", 14, false, &memory));
}

TEST(Arcstats) {
  const Bytes bytes("linux/arcstats/2.1");
  uint64_t reclaimable = 0;
  CHECK(ParseArcstats(bytes.data, bytes.size, &reclaimable));
  CHECK_EQ(reclaimable, 1603939792u - 33554432);
}

// ---- cgroups

TEST(CgroupLines) {
  const Bytes bytes("linux/cgroup/v1-docker-comounted");
  Scanner scan(bytes.data, bytes.size);
  CgroupLine line;
  int with_cpu = 0, count = 0;
  while (NextCgroupLine(&scan, &line)) {
    count++;
    if (!ListHas(line.controllers, "cpu")) continue;
    with_cpu++;
    CHECK(ListHas(line.controllers, "cpuacct"));
    CHECK(line.path.Is("/docker/0123456789abcdef"));
  }
  CHECK_EQ(count, 6);
  CHECK_EQ(with_cpu, 1);
}

TEST(CgroupLineOfVersion2IsFoundLast) {
  const Bytes bytes("linux/cgroup/hybrid-6.18");
  Scanner scan(bytes.data, bytes.size);
  CgroupLine line;
  bool found = false;
  while (NextCgroupLine(&scan, &line)) found = line.controllers.size == 0;
  CHECK(found);
  CHECK(line.path.Is("/"));
}

TEST(CgroupLimits) {
  uint64_t value = 0;
  CHECK(ParseLimit("max\n", 4, &value));
  CHECK_EQ(value, kNoLimit);
  CHECK(ParseLimit("-1\n", 3, &value));
  CHECK_EQ(value, kNoLimit);
  CHECK(ParseLimit("419430400\n", 10, &value));
  CHECK_EQ(value, 419430400u);
  CHECK(!ParseLimit("\n", 1, &value));
  CHECK(!ParseLimit("", 0, &value));
}

TEST(CgroupCpuMax) {
  double cpus = 0;
  CHECK(ParseCpuMax("50000 100000\n", 13, &cpus));
  CHECK_NEAR(cpus, 0.5, 1e-12);
  CHECK(ParseCpuMax("max 100000\n", 11, &cpus));
  CHECK_NEAR(cpus, 0, 0);
  CHECK(ParseCpuMax("1234567 100000\n", 15, &cpus));
  CHECK_NEAR(cpus, 12.34567, 1e-9);
  CHECK(!ParseCpuMax("50000 0\n", 8, &cpus));
  CHECK(!ParseCpuMax("50000\n", 6, &cpus));
}

TEST(CgroupCpuStat) {
  CgroupCpu cpu;
  const Bytes first("linux/cpu.stat/v1");
  CHECK(ParseCgroupCpu(first.data, first.size, &cpu));
  CHECK(!cpu.has_usage);
  CHECK_EQ(cpu.throttled, 2500000000u);
  const Bytes second("linux/cpu.stat/v2");
  CHECK(ParseCgroupCpu(second.data, second.size, &cpu));
  CHECK_EQ(cpu.usage, 42098504000u);
  CHECK_EQ(cpu.throttled, 1234567000u);
  const Bytes bare("linux/cpu.stat/v2-without-controller");
  CHECK(ParseCgroupCpu(bare.data, bare.size, &cpu));
  CHECK(cpu.has_usage && !cpu.has_throttled);
}

TEST(CgroupMemoryStat) {
  CgroupMemory memory;
  const Bytes first("linux/memory.stat/v1");
  CHECK(ParseCgroupMemory(first.data, first.size, 1, &memory));
  CHECK_EQ(memory.limit, 419430400u);
  CHECK_EQ(memory.reclaimable, 109309952u + 35164160);
  CHECK_EQ(memory.waiting, 372736u + 4096);
  CHECK_EQ(memory.writeback, 4096u);
  const Bytes second("linux/memory.stat/v2");
  CHECK(ParseCgroupMemory(second.data, second.size, 2, &memory));
  CHECK_EQ(memory.limit, kNoLimit);
  CHECK_EQ(memory.reclaimable, 104857600u + 103809024 + 2097152);
  CHECK_EQ(memory.waiting, 1048576u + 524288);
  uint64_t pages = 0;
  CHECK(ParseReclaimed("pgpgout 5\ntotal_pgpgout 7\n", 26, 1, &pages));
  CHECK_EQ(pages, 7u);
  CHECK(ParseReclaimed("pgsteal 8\n", 10, 2, &pages));
  CHECK_EQ(pages, 8u);
  CHECK(!ParseReclaimed(first.data, first.size, 2, &pages));
  CHECK(ParseEventsMax("low 0\nhigh 1\nmax 23\noom 4\n", 29, &pages));
  CHECK_EQ(pages, 23u);
}

// ---- mountinfo

TEST(MountinfoOptionalFieldsAndEscapes) {
  const Bytes bytes("linux/mountinfo/v2-systemd");
  Scanner scan(bytes.data, bytes.size);
  Mount mount;
  int count = 0;
  char text[64];
  while (NextMount(&scan, &mount)) {
    count++;
    if (!mount.type.Is("nfs4")) continue;
    CHECK(Unescape(mount.point, text, sizeof(text)));
    CHECK_EQ(static_cast<const char*>(text), "/mnt/my backup\tdisk");
    CHECK(mount.super_options.Is("rw,vers=4.2"));
    CHECK(!Unescape(mount.point, text, 5));
  }
  CHECK_EQ(count, 6);
  CHECK_EQ(mount.major, 8u);
  CHECK_EQ(mount.minor, 17u);
}

TEST(PathsBeneath) {
  CHECK(IsBeneath("/a/b", "/a"));
  CHECK(IsBeneath("/a", "/a"));
  CHECK(IsBeneath("/a", "/"));
  CHECK(!IsBeneath("/ab", "/a"));
  CHECK(!IsBeneath("/", "/a"));
}

// ---- the rest

TEST(PressureLines) {
  Pressure pressure;
  const Bytes both("linux/pressure/6.18");
  CHECK(ParsePressure(both.data, both.size, &pressure));
  CHECK_EQ(pressure.some, 4982919u);
  CHECK_EQ(pressure.full, 17u);
  const Bytes some("linux/pressure/4.20-cpu-some-only");
  CHECK(ParsePressure(some.data, some.size, &pressure));
  CHECK_EQ(pressure.some, 1229u);
  CHECK(!pressure.has_full);
  CHECK(!ParsePressure("full avg10=0.00 total=4\n", 24, &pressure));
}

TEST(ProcessStatNamesOfAnyKind) {
  ProcessStat stat;
  const Bytes odd("linux/process/name-of-parentheses");
  CHECK(ParseProcessStat(odd.data, odd.size, &stat));
  CHECK_EQ(stat.pid, 4242);
  CHECK_EQ(stat.parent, 77);
  CHECK_EQ(stat.state, 'S');
  CHECK_EQ(stat.user, 111u);
  CHECK_EQ(stat.system, 22u);
  CHECK_EQ(stat.child_user, 33u);
  CHECK_EQ(stat.child_system, 4u);
  CHECK_EQ(stat.threads, 13u);
  CHECK_EQ(stat.start, 987654u);
  CHECK_EQ(stat.resident, 2345u);
  const Bytes old("linux/process/2.4-short");
  CHECK(ParseProcessStat(old.data, old.size, &stat));
  CHECK_EQ(stat.resident, 11u);
  CHECK(!ParseProcessStat("12 (x", 5, &stat));
  CHECK(!ParseProcessStat("(x) S 1 2 3", 11, &stat));
}

TEST(Loadavg) {
  double load = 0;
  const Bytes bytes("linux/loadavg/busy");
  CHECK(ParseLoadavg(bytes.data, bytes.size, &load));
  CHECK_NEAR(load, 128.07, 1e-9);
  CHECK(!ParseLoadavg("1", 1, &load));
  CHECK(!ParseLoadavg("1.", 2, &load));
}

TEST(NumbersThatArePassedOver) {
  // Numbers of all widths with all paddings, so that their ends fall on every byte of a machine word.
  char text[512];
  for (uint32_t width = 1; width <= 20; width++) {
    for (uint32_t pad = 1; pad <= 10; pad++) {
      size_t size = 0;
      for (uint32_t i = 0; i < 9; i++) {
        memset(text + size, i == 4 ? '\t' : ' ', pad);
        size += pad;
        for (uint32_t digit = 0; digit < (width + i) % 20 + 1; digit++) text[size++] = static_cast<char>('1' + i);
      }
      const Bytes bytes(text, size);
      for (uint32_t count = 0; count < 9; count++) {
        Scanner scan(bytes.data, bytes.size);
        CHECK(scan.SkipNumbers(count));
        const Span next = scan.Word();
        CHECK_EQ(next.size, (width + count) % 20 + 1);
        CHECK_EQ(next.data[0], static_cast<char>('1' + count));
      }
      Scanner scan(bytes.data, bytes.size);
      CHECK(scan.SkipNumbers(9));
      CHECK(scan.done());
      CHECK(!scan.SkipNumbers(1));
    }
  }
  for (const char* bad : {"", "   ", "1 2 x 4", "1 2\n3 4", "12345678 2 -3 4", "1234567\xff 2 3", "x"}) {
    Scanner scan(bad, strlen(bad));
    CHECK(!scan.SkipNumbers(3));
  }
}

// ---- devices

TEST(BlockStatFields) {
  BlockStat stat;
  const Bytes bytes("linux/block.stat/4.9-eleven-fields");
  CHECK(ParseBlockStat(bytes.data, bytes.size, kAllColumns, &stat));
  CHECK_EQ(stat.read_sectors, 9550688u);
  CHECK_EQ(stat.written_sectors, 4922560u);
  CHECK_EQ(stat.busy_ms, 884000u);
  CHECK_EQ(stat.operations, 446216u + 124847u);
  CHECK_EQ(stat.waited_ms, 4382310u + 6140712u);
  CHECK(ParseBlockStat(bytes.data, bytes.size, kOperationColumns, &stat));
  CHECK_EQ(stat.operations, 446216u + 124847u);
  CHECK_EQ(stat.waited_ms, 4382310u + 6140712u);
  CHECK_EQ(stat.read_sectors, 0u);
  CHECK(ParseBlockStat(bytes.data, bytes.size, kBusyColumn, &stat));
  CHECK_EQ(stat.busy_ms, 884000u);
  CHECK_EQ(stat.read_sectors, 0u);
  CHECK(ParseBlockStat(bytes.data, bytes.size, kReadColumn | kWrittenColumn, &stat));
  CHECK_EQ(stat.written_sectors, 4922560u);
  CHECK_EQ(stat.busy_ms, 0u);
  const Bytes recent("linux/block.stat/6.18-seventeen-fields");
  CHECK(ParseBlockStat(recent.data, recent.size, kAllColumns, &stat));
  const Bytes old("linux/block.stat/2.6-partition-four-fields");
  CHECK(!ParseBlockStat(old.data, old.size, kAllColumns, &stat));
}

TEST(NetworkInterfaces) {
  const Bytes bytes("linux/net.dev/2.6-no-blank-after-colon");
  Scanner scan(bytes.data, bytes.size);
  InterfaceLine line;
  uint64_t received = 0, sent = 0;
  CHECK(NextInterface(&scan, &line));
  CHECK(line.name.Is("lo"));
  CHECK(NextInterface(&scan, &line));
  CHECK(line.name.Is("eth0"));
  CHECK(ParseTraffic(line.numbers, &received, &sent));
  CHECK_EQ(received, 4294967290u);
  CHECK_EQ(sent, 563352563u);
  received = sent = 0;
  CHECK(ParseTraffic(line.numbers, nullptr, &sent));
  CHECK_EQ(sent, 563352563u);
  CHECK(ParseTraffic(line.numbers, &received, nullptr));
  CHECK_EQ(received, 4294967290u);
  CHECK(NextInterface(&scan, &line));
  CHECK(line.name.Is("eth0:1"));
  CHECK(!NextInterface(&scan, &line));
}

TEST(PoolCounters) {
  const Bytes old("linux/kstat/zfs-0.8-io");
  PoolIo pool;
  CHECK(ParsePoolIo(old.data, old.size, &pool));
  CHECK_EQ(pool.read, 1884160u);
  CHECK_EQ(pool.written, 3206144u);
  CHECK_EQ(pool.busy_ns, 24168078u);
  CHECK(!ParsePoolStats(old.data, old.size, &pool));
  const Bytes recent("linux/kstat/zfs-2.3-iostats");
  CHECK(ParsePoolStats(recent.data, recent.size, &pool));
  CHECK_EQ(pool.read, 5500u);
  CHECK_EQ(pool.written, 3200u);
  const Bytes between("linux/kstat/zfs-2.1-iostats");
  CHECK(!ParsePoolStats(between.data, between.size, &pool));
}

TEST(PppSessions) {
  const Bytes pppoe("linux/ppp/pppoe");
  Scanner scan(pppoe.data, pppoe.size);
  Span device;
  CHECK(NextPppoeDevice(&scan, &device));
  CHECK(device.Is("eth0"));
  CHECK(NextPppoeDevice(&scan, &device));
  CHECK(device.Is("eth1.7"));
  CHECK(!NextPppoeDevice(&scan, &device));
  const Bytes l2tp("linux/ppp/pppol2tp");
  CHECK_EQ(CountL2tpSessions(l2tp.data, l2tp.size), 1u);
}

TEST(OptionsOfMounts) {
  const char* text = "rw,errors=remount-ro,logdev=/dev/sdb1,emergency_ro";
  const Span options{text, strlen(text)};
  CHECK(HasOption(options, "rw"));
  CHECK(HasOption(options, "emergency_ro"));
  CHECK(!HasOption(options, "emergency"));
  CHECK(!HasOption(options, "errors"));
  CHECK(!HasOption(Span{}, "rw"));
  Span value;
  CHECK(FindOption(options, "logdev=", &value));
  CHECK(value.Is("/dev/sdb1"));
  CHECK(!FindOption(options, "rtdev=", &value));
}

TEST(SwapCounters) {
  uint64_t pages = 0;
  const char* text = "nr_free_pages 1\npswpin 10\npswpout 32\n";
  CHECK(ParseSwapCounters(text, strlen(text), &pages));
  CHECK_EQ(pages, 42u);
  const Bytes without("linux/vmstat/no-swap-built-in");
  CHECK(!ParseSwapCounters(without.data, without.size, &pages));
}

TEST(Footprint) {
  Footprint read;
  const Bytes swapped("linux/status/swapped-out");
  CHECK(ParseFootprint(swapped.data, swapped.size, &read));
  CHECK_EQ(read.anonymous, 64000u);
  CHECK_EQ(read.shared, 10000u);
  const char* text = "RssAnon:\t     12 kB\nRssFile:\t  99 kB\nRssShmem:\t  300 kB\nVmSwap:\t       5 kB\n";
  CHECK(ParseFootprint(text, strlen(text), &read));
  CHECK_EQ(read.anonymous, 17u);
  CHECK_EQ(read.shared, 300u);
  const Bytes kernel("linux/status/kernel-thread");
  CHECK(!ParseFootprint(kernel.data, kernel.size, &read));
}

TEST(Share) {
  Footprint share;
  const char* text =
      "55d0-7ffd ---p 00000000 00:00 0     [rollup]\nRss:   900 kB\nPss:    500 kB\nPss_Dirty:   1 kB\n"
      "Pss_Anon:   100 kB\nPss_File:   380 kB\nPss_Shmem:   20 kB\nSwap:    64 kB\nSwapPss:   3 kB\nLocked:   0 kB\n";
  CHECK(ParseShare(text, strlen(text), &share));
  CHECK_EQ(share.anonymous, 103u);
  CHECK_EQ(share.shared, 20u);
  const char* old = "Rss:   900 kB\nPss:    500 kB\nSwapPss:   3 kB\n";  // before kernel 5.4
  CHECK(ParseShare(old, strlen(old), &share));
  CHECK_EQ(share.anonymous, 503u);
  CHECK_EQ(share.shared, 0u);
  CHECK(!ParseShare("", 0, &share));
}

TEST(OpenFilesLimit) {
  uint64_t limit = 0;
  const Bytes here("linux/limits/6.18");
  CHECK(ParseOpenFilesLimit(here.data, here.size, &limit));
  CHECK(limit >= 256);
  const Bytes none("linux/limits/unlimited");
  CHECK(ParseOpenFilesLimit(none.data, none.size, &limit));
  CHECK_EQ(limit, UINT64_MAX);
}

TEST(Temperatures) {
  double celsius = 0;
  bool in_thousandths = false;
  CHECK(ParseTemperature("48312\n", 6, &in_thousandths, &celsius));
  CHECK_NEAR(celsius, 48.312, 1e-9);
  CHECK(ParseTemperature("-5000\n", 6, &in_thousandths, &celsius));
  CHECK_NEAR(celsius, -5, 1e-9);
  for (const char* text : {"-650788984\n", "850000\n", "-273000\n", "\n", "-", "", "hot\n"}) {
    CHECK(!ParseTemperature(text, strlen(text), &in_thousandths, &celsius));
  }
}

TEST(TemperaturesInWholeDegrees) {
  double celsius = 0;
  bool in_thousandths = false;
  CHECK(ParseTemperature("85\n", 3, &in_thousandths, &celsius));
  CHECK_NEAR(celsius, 85, 0);
  CHECK(ParseTemperature("-12\n", 4, &in_thousandths, &celsius));
  CHECK_NEAR(celsius, -12, 0);
  // Neither unit is plausible: no silicon is that hot, and nothing has shown yet that the sensor counts in thousandths.
  CHECK(!ParseTemperature("255\n", 4, &in_thousandths, &celsius));
  CHECK(!in_thousandths);
  // A low temperature: a sensor that once counted in thousandths always does.
  CHECK(ParseTemperature("1200\n", 5, &in_thousandths, &celsius));
  CHECK(ParseTemperature("85\n", 3, &in_thousandths, &celsius));
  CHECK_NEAR(celsius, 0.085, 1e-9);
  CHECK(ParseTemperature("255\n", 4, &in_thousandths, &celsius));
  CHECK_NEAR(celsius, 0.255, 1e-9);
}

TEST(FirmwareWord) {
  uint64_t bits = 0;
  CHECK(ParseHex("50005\n", 6, &bits));
  CHECK_EQ(bits, 0x50005u);
  CHECK(ParseHex("0xE0000", 7, &bits));
  CHECK_EQ(bits, 0xe0000u);
  CHECK(!ParseHex("xyz", 3, &bits));
}

TEST(SensorsOfTheCpu) {
  for (const char* name : {"cpu-thermal",
                           "cpu_thermal",
                           "soc_thermal",
                           "x86_pkg_temp",
                           "coretemp",
                           "k10temp",
                           "CPU-therm",
                           "TCPU",
                           "bigcore0-thermal",
                           "cluster0",
                           "core-cluster1",
                           "mtktscpu",
                           "cpuss-0-usr",
                           "BIG",
                           "tsens_tz_sensor3",
                           "bcm2835_thermal",
                           "B0D4",
                           "soc_dts0",
                           "package-thermal",
                           "cpu_thermal_zone"}) {
    CHECK(IsCpuSensor(Span{name, strlen(name)}));
  }
  for (const char* name :
       {"iwlwifi_1", "acpitz", "BAT0", "nvme", "gpu-thermal", "charger", "", "gpu-core", "npu-cluster", "PMIC-Die",
        "score", "battery_soc", "wifi core", "CPU VRM", "core-of-something", "pch_cannonlake", "INT3400 Thermal"}) {
    CHECK(!IsCpuSensor(Span{name, strlen(name)}));
  }
}

TEST(SensorsOfSomethingElse) {
  for (const char* name : {"PMIC-Die", "iwlwifi_1", "BAT1", "axp20x-battery", "GPU-therm", "thermal-fan-est",
                           "INT3400 Thermal", "Tboard_tegra", "pm8998-thermal", "mt7996-phy0"}) {
    CHECK(IsOtherSensor(Span{name, strlen(name)}));
  }
  for (const char* name : {"acpitz", "AO-therm", "thermal_zone", "", "center-thermal"}) {
    CHECK(!IsOtherSensor(Span{name, strlen(name)}));
  }
}

TEST(CoolersOfTheCpu) {
  for (const char* name : {"Processor", "thermal-cpufreq-0", "cpufreq-cpu4", "thermal-idle-0", "intel_powerclamp"}) {
    CHECK(IsCpuCooler(Span{name, strlen(name)}));
  }
  for (const char* name : {"pwm-fan", "Fan", "LCD", "thermal-devfreq-0", "TCC Offset", ""}) {
    CHECK(!IsCpuCooler(Span{name, strlen(name)}));
  }
}

// ---- every parser over every prefix of every file, and over arbitrary bytes

void ParseAll(const char* data, size_t size) {
  CpuTimes times;
  uint32_t cpu = 0;
  ParseCpuTotal(data, size, &times);
  for (CpuLines lines(data, size); lines.Next(&cpu, &times);) {
  }
  Meminfo memory;
  ParseMeminfo(data, size, true, &memory);
  CHECK(memory.available <= memory.total || memory.total == 0);
  uint64_t number = 0, other = 0;
  ParseArcstats(data, size, &number);
  ParseLimit(data, size, &number);
  ParseStatm(data, size, &number, &other);
  double real = 0;
  ParseCpuMax(data, size, &real);
  ParseLoadavg(data, size, &real);
  CgroupCpu group_cpu;
  ParseCgroupCpu(data, size, &group_cpu);
  CgroupMemory group_memory;
  ParseCgroupMemory(data, size, 1, &group_memory);
  ParseCgroupMemory(data, size, 2, &group_memory);
  CgroupLine group;
  for (Scanner scan(data, size); NextCgroupLine(&scan, &group);) ListHas(group.controllers, "memory");
  Mount mount;
  char text[32];
  for (Scanner scan(data, size); NextMount(&scan, &mount);) Unescape(mount.point, text, sizeof(text));
  Pressure pressure;
  ParsePressure(data, size, &pressure);
  ProcessStat stat;
  ParseProcessStat(data, size, &stat);
  BlockStat block;
  ParseBlockStat(data, size, kAllColumns, &block);
  InterfaceLine line;
  for (Scanner scan(data, size); NextInterface(&scan, &line);) {
    ParseTraffic(line.numbers, &number, &number);
    ParseTrafficErrors(line.numbers, &number, &number);
  }
  ParseSwapCounters(data, size, &number);
  PoolIo pool;
  ParsePoolIo(data, size, &pool);
  ParsePoolStats(data, size, &pool);
  Span device;
  for (Scanner scan(data, size); NextPppoeDevice(&scan, &device);) {
  }
  CountL2tpSessions(data, size);
  Footprint footprint;
  ParseFootprint(data, size, &footprint);
  ParseShare(data, size, &footprint);
  ProcessIo io;
  ParseProcessIo(data, size, &io);
  ParseOpenFilesLimit(data, size, &number);
  bool in_thousandths = false;
  ParseTemperature(data, size, &in_thousandths, &real);
  ParseHex(data, size, &number);
  IsCpuSensor(FirstLine(data, size));
  IsOtherSensor(FirstLine(data, size));
}

void ParsePrefixes(const char*, const Bytes& bytes) {
  // Long files are cut at every byte of their beginning only. Each prefix is copied, so that a sanitizer notices reads
  // past its end.
  const size_t limit = bytes.size < 1500 ? bytes.size : 1500;
  for (size_t size = 0; size <= limit; size++) {
    const Bytes prefix(bytes.data, size);
    ParseAll(prefix.data, prefix.size);
  }
  ParseAll(bytes.data, bytes.size);
}

void ParseDamaged(const char*, const Bytes& bytes) {
  uint32_t random = 1;
  for (int round = 0; round < 200; round++) {
    Bytes damaged(bytes.data, bytes.size < 4096 ? bytes.size : 4096);
    for (int i = 0; i < 8 && damaged.size > 0; i++) {
      random = random * 1664525 + 1013904223;
      damaged.data[(random >> 8) % damaged.size] = static_cast<char>(random >> 24);
    }
    ParseAll(damaged.data, damaged.size);
  }
}

const char* const kFolders[] = {
    "linux/stat",       "linux/meminfo",   "linux/arcstats", "linux/cgroup",  "linux/memory.stat",
    "linux/cpu.stat",   "linux/mountinfo", "linux/pressure", "linux/process", "linux/loadavg",
    "linux/statm",      "linux/net.dev",   "linux/vmstat",   "linux/status",  "linux/limits",
    "linux/block.stat", "linux/sensor",    "linux/kstat",    "linux/ppp",
};

TEST(EveryParserOverEveryPrefix) {
  for (const char* folder : kFolders) EachFixture(folder, ParsePrefixes);
}

TEST(EveryParserOverDamagedFiles) {
  for (const char* folder : kFolders) EachFixture(folder, ParseDamaged);
}

}  // namespace
}  // namespace tripline
