#include "linux/parse/counters.h"

namespace tripline {

bool ParseBlockStat(const char* data, size_t size, uint8_t columns, BlockStat* out) {
  *out = BlockStat();
  Scanner scan(data, size);
  // reads merged SECTORS ms writes merged SECTORS ms IN-FLIGHT BUSY-MS
  uint64_t operations[2] = {}, waited[2] = {};
  struct Column {
    uint8_t bit;
    uint8_t before;
    uint64_t* value;
  };
  const Column all[] = {
      {kOperationColumns, 0, &operations[0]},     {kReadColumn, 1, &out->read_sectors},
      {kOperationColumns, 0, &waited[0]},         {kOperationColumns, 0, &operations[1]},
      {kWrittenColumn, 1, &out->written_sectors}, {kOperationColumns, 0, &waited[1]},
      {kBusyColumn, 0, &out->in_flight},
  };
  uint32_t passed = 0;
  for (const Column& each : all) {
    passed += each.before;
    if ((columns & each.bit) == 0) {
      passed++;
      continue;
    }
    if (!scan.SkipNumbers(passed) || !scan.Number(each.value)) return false;
    passed = 0;
  }
  out->operations = SaturatingSum(operations[0], operations[1]);
  out->waited_ms = SaturatingSum(waited[0], waited[1]);
  return (columns & kBusyColumn) == 0 ? scan.AtWordEnd() : scan.Whole(&out->busy_ms);
}

bool ParsePoolIo(const char* data, size_t size, PoolIo* out) {
  *out = PoolIo();
  Scanner scan(data, size);
  // The kstat's own line, then the names, then the numbers:
  // nread nwritten reads writes wtime wlentime wupdate RTIME rlentime rupdate wcnt rcnt
  scan.SkipLine();
  scan.SkipLine();
  uint64_t reads = 0, writes = 0;
  if (!scan.Number(&out->read) || !scan.Number(&out->written) || !scan.Number(&reads) || !scan.Number(&writes)) {
    return false;
  }
  out->operations = SaturatingSum(reads, writes);
  return scan.SkipNumbers(3) && scan.Whole(&out->busy_ns);
}

bool ParsePoolStats(const char* data, size_t size, PoolIo* out) {
  *out = PoolIo();
  // Name, type, value.
  constexpr Key kKeys[] = {{"arc_read_bytes "}, {"arc_write_bytes "}, {"direct_read_bytes "}, {"direct_write_bytes "},
                           {"arc_read_count "}, {"arc_write_count "}, {"direct_read_count "}, {"direct_write_count "}};
  uint64_t values[8] = {};
  const uint32_t found = ReadKeys(data, size, kKeys, 8, 255, values, 1);
  for (int i = 4; i < 8; i++) out->operations = SaturatingSum(out->operations, values[i]);
  out->read = SaturatingSum(values[0], values[2]);
  out->written = SaturatingSum(values[1], values[3]);
  return (found & 3) == 3;
}

bool NextInterface(Scanner* scan, InterfaceLine* out) {
  while (!scan->done()) {
    scan->SkipBlanks();
    const Span line = scan->Line();
    // The name ends at the last colon; the first number may follow it without a blank.
    size_t colon = 0;
    for (size_t i = 0; i < line.size && line.data[i] != ' '; i++) {
      if (line.data[i] == ':') colon = i;
    }
    // The two heading lines have no colon.
    if (colon == 0 || colon >= kInterfaceNameSize) continue;
    out->name = {line.data, colon};
    out->numbers = {line.data + colon + 1, line.size - colon - 1};
    return true;
  }
  return false;
}

bool ParseTraffic(Span numbers, uint64_t* received, uint64_t* sent) {
  Scanner scan(numbers.data, numbers.size);
  const bool good = received != nullptr ? scan.Number(received) : scan.SkipNumbers(1);
  return good && (sent == nullptr || (scan.SkipNumbers(7) && scan.Number(sent))) && scan.AtWordEnd();
}

bool ParseTrafficErrors(Span numbers, uint64_t* errors, uint64_t* drops) {
  Scanner scan(numbers.data, numbers.size);
  uint64_t sent_errors = 0, sent_drops = 0;
  // bytes packets ERRS DROP fifo frame compressed multicast, and bytes packets ERRS DROP
  if (!scan.SkipNumbers(2) || !scan.Number(errors) || !scan.Number(drops)) return false;
  if (!scan.SkipNumbers(6) || !scan.Number(&sent_errors) || !scan.Whole(&sent_drops)) return false;
  *errors = SaturatingSum(*errors, sent_errors);
  *drops = SaturatingSum(*drops, sent_drops);
  return true;
}

bool ParseSwapCounters(const char* data, size_t size, uint64_t* pages) {
  constexpr Key kKeys[] = {{"pswpin "}, {"pswpout "}};
  uint64_t values[2] = {};
  const uint32_t found = ReadKeys(data, size, kKeys, 2, 3, values);
  *pages = SaturatingSum(values[0], values[1]);
  return found == 3;
}

}  // namespace tripline
