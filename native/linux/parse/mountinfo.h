// /proc/<pid>/mountinfo.
#pragma once

#include <cstddef>
#include <cstdint>

#include "linux/parse/scan.h"

namespace tripline {

struct Mount {
  uint64_t id = 0;  // changes when the file system is mounted again
  uint32_t major = 0;
  uint32_t minor = 0;
  Span root;  // still escaped, like all fields
  Span point;
  Span type;
  Span source;
  Span super_options;  // for cgroup version 1: the controllers
};

// Whether a list such as "rw,errors=remount-ro" contains exactly `option`.
bool HasOption(Span options, const char* option);

// The value of the option that begins with `name`, such as "logdev=".
bool FindOption(Span options, const char* name, Span* value);

// The next well-formed line; others are skipped.
bool NextMount(Scanner* scan, Mount* out);

// Replaces \040 and similar escapes, and writes the terminated result to `out` of `size` bytes. False if it does not
// fit.
bool Unescape(Span text, char* out, size_t size);

// Whether `path` is `prefix` or lies beneath it.
bool IsBeneath(const char* path, const char* prefix);

}  // namespace tripline
