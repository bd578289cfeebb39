// The one-value files of sensors and power supplies.
#pragma once

#include <cstddef>
#include <cstdint>

#include "linux/parse/scan.h"

namespace tripline {

// A temperature in thousandths of a degree. False for what is not a number, and for what no silicon survives: drivers
// report nonsense while a sensor sleeps or is not there.
bool ParseTemperature(const char* data, size_t size, double* celsius);

// The first word of the first line: "coretemp\n", "Battery\n".
Span FirstWord(const char* data, size_t size);

bool ParseInteger(const char* data, size_t size, int64_t* out);

// The firmware's word on a Raspberry Pi, in hexadecimal without a prefix.
bool ParseHex(const char* data, size_t size, uint64_t* out);

// Whether a sensor with this name measures the CPU or the chip it is on.
bool IsCpuSensor(Span name);

}  // namespace tripline
