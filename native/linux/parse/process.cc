#include "linux/parse/process.h"

#include "linux/parse/scan.h"

namespace tripline {

bool ParseProcessStat(const char* data, size_t size, ProcessStat* out) {
  *out = ProcessStat();
  Scanner head(data, size);
  if (!head.Signed(&out->pid)) return false;
  // A program may have any name, even ") R 1", so the name ends at the last parenthesis.
  const char* end = data + size;
  const char* close = end;
  while (close != head.at() && *(close - 1) != ')') close--;
  if (close == head.at()) return false;
  Scanner scan(close, static_cast<size_t>(end - close));
  const Span state = scan.Word();
  if (state.size != 1) return false;
  out->state = state.data[0];
  if (!scan.Signed(&out->parent)) return false;
  // Fields 5 to 24 by their number in proc(5).
  int64_t fields[25] = {};
  for (int field = 5; field <= 24; field++) {
    if (!scan.Signed(&fields[field])) return false;
    if (fields[field] < 0) fields[field] = 0;
  }
  if (!scan.AtWordEnd()) return false;
  const auto unsigned_field = [&fields](int number) { return static_cast<uint64_t>(fields[number]); };
  out->faults = unsigned_field(10);
  out->child_faults = unsigned_field(11);
  out->user = unsigned_field(14);
  out->system = unsigned_field(15);
  out->child_user = unsigned_field(16);
  out->child_system = unsigned_field(17);
  out->threads = unsigned_field(20);
  out->start = unsigned_field(22);
  out->resident = unsigned_field(24);
  return true;
}

bool ParseStatm(const char* data, size_t size, uint64_t* size_pages, uint64_t* resident_pages) {
  Scanner scan(data, size);
  return scan.Number(size_pages) && scan.Number(resident_pages) && scan.AtWordEnd();
}

// The keys are those of anonymous, shared and swapped memory.
[[gnu::noinline]] static bool ReadFootprint(const char* data, size_t size, const Key* keys, Footprint* out) {
  constexpr Key kAll = {"Pss:"};
  uint64_t values[3] = {};
  uint32_t found = ReadKeys(data, size, keys, 3, 7, values) & 1;
  if (found == 0) found = ReadKeys(data, size, &kAll, 1, 1, values);
  out->anonymous = values[0] + values[2];
  out->shared = values[1];
  return found != 0;
}

bool ParseFootprint(const char* data, size_t size, Footprint* out) {
  constexpr Key kKeys[] = {{"RssAnon:"}, {"RssShmem:"}, {"VmSwap:"}};
  return ReadFootprint(data, size, kKeys, out);
}

bool ParseShare(const char* data, size_t size, Footprint* out) {
  constexpr Key kKeys[] = {{"Pss_Anon:"}, {"Pss_Shmem:"}, {"SwapPss:"}};
  return ReadFootprint(data, size, kKeys, out);
}

bool ParseProcessIo(const char* data, size_t size, ProcessIo* out) {
  // The first name with an underscore is read_bytes, and write_bytes follows it. Four lines come before, which have at
  // least nine bytes each and need not be searched.
  constexpr size_t kBefore = 36;
  const size_t skipped = size < kBefore ? size : kBefore;
  Scanner scan(data + skipped, size - skipped);
  if (!scan.Find('_') || !scan.Match("_bytes:") || !scan.Whole(&out->read)) return false;
  scan.SkipLine();
  return scan.Match("write_bytes:") && scan.Whole(&out->written);
}

bool ParseOpenFilesLimit(const char* data, size_t size, uint64_t* limit) {
  constexpr Key kKey[] = {{"Max open files "}};
  if (ReadKeys(data, size, kKey, 1, 1, limit) != 0) return true;
  *limit = UINT64_MAX;
  Scanner scan(data, size);
  for (; !scan.done(); scan.SkipLine()) {
    if (!scan.Match(kKey[0].text)) continue;
    scan.SkipBlanks();
    return scan.Match("unlimited") && scan.AtWordEnd();
  }
  return false;
}

bool ParseLoadavg(const char* data, size_t size, double* one_minute) {
  Scanner scan(data, size);
  uint64_t whole = 0;
  if (!scan.Number(&whole) || !scan.Match(".")) return false;
  double value = ToDouble(whole);
  double unit = 0.1;
  int digits = 0;
  for (; scan.peek() >= '0' && scan.peek() <= '9' && digits < 9; digits++, unit /= 10) {
    value += unit * (scan.peek() - '0');
    scan.Advance();
  }
  *one_minute = value;
  return digits > 0 && scan.AtWordEnd();
}

}  // namespace tripline
