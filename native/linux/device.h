// A device's directory in sysfs, whose files hold one value each.
#pragma once

#include <cstddef>
#include <cstdint>

#include "linux/file.h"
#include "linux/parse/scan.h"
#include "util/list.h"

namespace tripline {

// Reads such files one at a time, without holding them. Not thread-safe.
class Device {
 public:
  // The arguments are those of Text::Set().
  template <typename... Parts>
  void SetPath(Parts... parts) {
    folder_.Set(parts...);
  }
  // <folder>/<name><number>, such as /sys/class/hwmon/hwmon3.
  void SetNumbered(const char* folder, const char* name, uint32_t number);
  // Moves to a subfolder.
  void Descend(const char* name) { folder_.Add(name); }
  const char* path() const { return folder_.get(); }

  // The path of one of its files, valid until the next call of any of these functions.
  const char* PathOf(const char* file);
  bool Has(const char* file);

  // The first line of a file without surrounding blanks; valid until the next read. False if it cannot be read.
  bool ReadLine(const char* file, Span* line);
  bool ReadInteger(const char* file, int64_t* value);
  // Whether the first line of a file is `text`, ignoring case.
  bool Says(const char* file, const char* text);

 private:
  Text folder_;
  Text file_name_;
  Buffer buffer_;
};

// The numbers of a directory's entries that are called <prefix><number><suffix>, in order.
List<uint32_t> NumbersIn(const char* directory, const char* prefix, const char* suffix = "");

}  // namespace tripline
