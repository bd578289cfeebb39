// The one-value files of sensors and power supplies, and the meaning of sensor names.
#pragma once

#include <cstddef>
#include <cstdint>

#include "linux/parse/scan.h"

namespace tripline {

// A temperature. The kernel's convention is thousandths of a degree, but some vendors' kernels write whole degrees. A
// small number counts as degrees until the file has once shown a number that can only be thousandths, which
// `in_thousandths` remembers between reads. False if it is not a number, or is a temperature that no chip survives:
// drivers report nonsense while a sensor sleeps or is missing.
bool ParseTemperature(const char* data, size_t size, bool* in_thousandths, double* celsius);

// The first line without the blanks around it: "coretemp", "INT3400 Thermal", "Package id 0".
Span FirstLine(const char* data, size_t size);

bool ParseInteger(const char* data, size_t size, int64_t* out);

// The value that a Raspberry Pi's firmware reports, in hexadecimal without a prefix.
bool ParseHex(const char* data, size_t size, uint64_t* out);

// Whether two names are equal, ignoring case.
bool IsSameName(Span name, const char* other);

// Whether a sensor with this name measures the CPU or the chip that it is on.
bool IsCpuSensor(Span name);

// Whether a sensor with this name is known to measure something else: a battery, a radio, the skin of the case.
bool IsOtherSensor(Span name);

// Whether a cooling device of this type slows the CPU.
bool IsCpuCooler(Span type);

}  // namespace tripline
