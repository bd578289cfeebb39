// /proc/<pid>/mountinfo.
#pragma once

#include <cstddef>
#include <cstdint>

#include "linux/parse/scan.h"

namespace tripline {

struct Mount {
  uint64_t id = 0;  // another one once it is mounted anew
  uint32_t major = 0;
  uint32_t minor = 0;
  Span root;  // still escaped, like all of them
  Span point;
  Span type;
  Span source;
  Span super_options;  // for cgroup version 1: the controllers
};

// Whether a list such as "rw,errors=remount-ro" holds `option`, in whole.
bool HasOption(Span options, const char* option);

// What stands behind `name`, such as "logdev=".
bool FindOption(Span options, const char* name, Span* value);

// The next line that has the shape; others are skipped.
bool NextMount(Scanner* scan, Mount* out);

// Undoes \040 and the like into `out` of `size` bytes, terminated. False when it does not fit.
bool Unescape(Span text, char* out, size_t size);

// Whether `path` is `prefix` or lies beneath it.
bool IsBeneath(const char* path, const char* prefix);

}  // namespace tripline
