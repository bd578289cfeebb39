#include "linux/device.h"

#include <unistd.h>
#include <cstring>

#include "linux/parse/sensor.h"

namespace tripline {

void Device::SetNumbered(const char* folder, const char* name, uint32_t number) {
  folder_.Set(folder, "/", name);
  folder_.AddNumber(number);
}

const char* Device::PathOf(const char* file) {
  file_name_.Set(folder_.get(), "/", file);
  return file_name_.get();
}

bool Device::Has(const char* file) { return access(PathOf(file), F_OK) == 0; }

bool Device::ReadLine(const char* file, Span* line) {
  if (!ReadOnce(PathOf(file), &buffer_)) return false;
  *line = FirstLine(buffer_.data(), buffer_.size);
  return true;
}

bool Device::ReadInteger(const char* file, int64_t* value) {
  Span line;
  return ReadLine(file, &line) && ParseInteger(line.data, line.size, value);
}

bool Device::Says(const char* file, const char* text) {
  Span line;
  return ReadLine(file, &line) && IsSameName(line, text);
}

List<uint32_t> NumbersIn(const char* directory, const char* prefix, const char* suffix) {
  List<uint32_t> numbers;
  const size_t length = strlen(prefix);
  DirectoryReader names(directory);
  while (const char* name = names.Next()) {
    if (strncmp(name, prefix, length) != 0) continue;
    uint32_t number = 0;
    const char* digit = name + length;
    for (; *digit >= '0' && *digit <= '9' && digit - name < 24; digit++) {
      if (number > UINT32_MAX / 10 - 1) break;
      number = number * 10 + static_cast<uint32_t>(*digit - '0');
    }
    if (digit == name + length || strcmp(digit, suffix) != 0) continue;
    numbers.push_back(number);
    for (size_t at = numbers.size() - 1; at > 0 && numbers[at - 1] > numbers[at]; at--) {
      std::swap(numbers[at - 1], numbers[at]);
    }
  }
  return numbers;
}

}  // namespace tripline
