// The libFuzzer targets of all Linux parsers; the environment variable TARGET selects one. scripts/fuzz.js runs them.
// Besides the sanitizers' checks, each target checks the properties that callers rely on.
#include <cstdint>
#include <cstring>
#include <initializer_list>

#include "fuzz.h"
#include "linux/parse/cgroup.h"
#include "linux/parse/counters.h"
#include "linux/parse/meminfo.h"
#include "linux/parse/mountinfo.h"
#include "linux/parse/ppp.h"
#include "linux/parse/pressure.h"
#include "linux/parse/process.h"
#include "linux/parse/route.h"
#include "linux/parse/sensor.h"
#include "linux/parse/stat.h"

namespace tripline::fuzz {
namespace {

void RequireInside(Span span, const char* data, size_t size) {
  Require(span.data >= data && span.size <= size && span.data + span.size <= data + size);
}

void Stat(const char* data, size_t size) {
  CpuTimes times;
  ParseCpuTotal(data, size, &times);
  uint32_t cpu = 0;
  size_t count = 0;
  for (CpuLines lines(data, size); lines.Next(&cpu, &times);) count++;
  Require(count <= size && CountCpuLines(data, size) <= size);
  uint32_t listed = 0;
  ParseCpuList(data, size, &listed);
}

void MeminfoTarget(const char* data, size_t size) {
  for (bool with_swap : {false, true}) {
    Meminfo memory;
    if (!ParseMeminfo(data, size, with_swap, &memory)) continue;
    Require(memory.total > 0 && memory.available <= memory.total && memory.swap_free <= memory.swap_total);
  }
}

void Arcstats(const char* data, size_t size) {
  uint64_t reclaimable = 0;
  ParseArcstats(data, size, &reclaimable);
}

void CgroupList(const char* data, size_t size) {
  CgroupLine line;
  for (Scanner scan(data, size); NextCgroupLine(&scan, &line);) {
    RequireInside(line.controllers, data, size);
    RequireInside(line.path, data, size);
    Require(line.path.size > 0 && line.path.data[0] == '/');
    ListHas(line.controllers, "memory");
  }
}

void CgroupFiles(const char* data, size_t size) {
  uint64_t limit = 0;
  ParseLimit(data, size, &limit);
  double cpus = 0;
  if (ParseCpuMax(data, size, &cpus)) Require(cpus >= 0);
  CgroupCpu cpu;
  ParseCgroupCpu(data, size, &cpu);
  CgroupMemory memory;
  uint64_t count = 0;
  for (int version : {1, 2}) {
    ParseCgroupMemory(data, size, version, &memory);
    ParseReclaimed(data, size, version, &count);
  }
  ParseEventsMax(data, size, &count);
  // A count is also a limit, and means the same.
  if (ParseCount(data, size, &count)) Require(ParseLimit(data, size, &limit) && (limit == count || limit == kNoLimit));
}

void Mountinfo(const char* data, size_t size) {
  Mount mount;
  char text[64];
  for (Scanner scan(data, size); NextMount(&scan, &mount);) {
    for (Span span : {mount.root, mount.point, mount.type, mount.source, mount.super_options}) {
      RequireInside(span, data, size);
    }
    Span value;
    if (FindOption(mount.super_options, "logdev=", &value)) RequireInside(value, data, size);
    HasOption(mount.super_options, "emergency_ro");
    if (Unescape(mount.point, text, sizeof(text))) {
      Require(strlen(text) < sizeof(text));
      IsBeneath(text, "/proc");
    }
  }
}

void PressureTarget(const char* data, size_t size) {
  Pressure pressure;
  ParsePressure(data, size, &pressure);
}

void Process(const char* data, size_t size) {
  ProcessStat stat;
  ParseProcessStat(data, size, &stat);
  uint64_t a = 0, b = 0;
  ParseStatm(data, size, &a, &b);
  Footprint footprint;
  ParseFootprint(data, size, &footprint);
  ParseShare(data, size, &footprint);
  ProcessIo io;
  ParseProcessIo(data, size, &io);
  ParseTrafficErrors({data, size}, &a, &a);
  ParseOpenFilesLimit(data, size, &a);
  double load = 0;
  if (ParseLoadavg(data, size, &load)) Require(load >= 0);
}

void Counters(const char* data, size_t size) {
  PoolIo pool;
  ParsePoolIo(data, size, &pool);
  ParsePoolStats(data, size, &pool);
  Span device;
  for (Scanner scan(data, size); NextPppoeDevice(&scan, &device);) {
    RequireInside(device, data, size);
    Require(device.size > 0);
  }
  Require(CountL2tpSessions(data, size) <= size);
  Route route;
  for (Scanner scan(data, size); NextRoute(&scan, &route);) RequireInside(route.interface, data, size);
  BlockStat block;
  ParseBlockStat(data, size, kAllColumns, &block);
  uint64_t pages = 0;
  ParseSwapCounters(data, size, &pages);
  InterfaceLine line;
  for (Scanner scan(data, size); NextInterface(&scan, &line);) {
    RequireInside(line.name, data, size);
    RequireInside(line.numbers, data, size);
    Require(line.name.size > 0 && line.name.size < kInterfaceNameSize);
    uint64_t received = 0, sent = 0;
    if (ParseTraffic(line.numbers, &received, &sent)) Require(CounterGrowth(sent, received) <= UINT64_MAX);
  }
}

void Sensor(const char* data, size_t size) {
  double celsius = 0;
  bool in_thousandths = false;
  if (ParseTemperature(data, size, &in_thousandths, &celsius)) Require(celsius >= -40 && celsius <= 150);
  int64_t number = 0;
  ParseInteger(data, size, &number);
  uint64_t bits = 0;
  ParseHex(data, size, &bits);
  const Span line = FirstLine(data, size);
  RequireInside(line, data, size);
  Require(!(IsCpuSensor(line) && IsOtherSensor(line)));
  IsCpuCooler(line);
}

// Gives a parser a pointer and a size. An empty input may come with a null pointer, on which a parser must not do
// arithmetic.
template <void (*kBody)(const char* data, size_t size)>
void Bytes(Input input) {
  static const char nothing = 0;
  kBody(input.done() ? &nothing : reinterpret_cast<const char*>(input.data()), input.left());
}

constexpr Target kTargets[] = {
    {"stat", Bytes<Stat>},
    {"meminfo", Bytes<MeminfoTarget>},
    {"arcstats", Bytes<Arcstats>},
    {"cgroup", Bytes<CgroupList>},
    {"cgroup-files", Bytes<CgroupFiles>},
    {"mountinfo", Bytes<Mountinfo>},
    {"pressure", Bytes<PressureTarget>},
    {"process", Bytes<Process>},
    {"counters", Bytes<Counters>},
    {"sensor", Bytes<Sensor>},
};

}  // namespace
}  // namespace tripline::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const tripline::fuzz::Target* const target = tripline::fuzz::Chosen(tripline::fuzz::kTargets);
  target->run(tripline::fuzz::Input(data, size));
  return 0;
}
