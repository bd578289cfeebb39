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
  // Of the parts that Text::Set() takes.
  template <typename... Parts>
  void SetPath(Parts... parts) {
    folder_.Set(parts...);
  }
  // <folder>/<name><number>, such as /sys/class/hwmon/hwmon3.
  void SetNumbered(const char* folder, const char* name, uint32_t number);
  // To a folder below it.
  void Descend(const char* name) { folder_.Add(name); }
  const char* path() const { return folder_.get(); }

  // The path of a file of it, valid until the next call of any of these.
  const char* PathOf(const char* file);
  bool Has(const char* file);

  // Its first line without blanks around it; valid until the next read. False where it cannot be read.
  bool ReadLine(const char* file, Span* line);
  bool ReadInteger(const char* file, int64_t* value);
  // Whether its first line is `text`.
  bool Says(const char* file, const char* text);

 private:
  Text folder_;
  Text file_name_;
  Buffer buffer_;
};

// The numbers of the entries of a directory that are called <prefix><number><suffix>, in order.
List<uint32_t> NumbersIn(const char* directory, const char* prefix, const char* suffix = "");

}  // namespace tripline
