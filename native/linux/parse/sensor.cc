#include "linux/parse/sensor.h"

namespace tripline {

namespace {

constexpr int64_t kColdest = -40;
constexpr int64_t kHottest = 150;

// Each word ends with a zero byte, the last with two.
//
// Words that mean the CPU alone. A word that begins or ends with "cpu" does, too (cpuss, tcpu, mtktscpu).
constexpr const char* kCpuWords =
    "coretemp\0k10temp\0k8temp\0zenpower\0pkg\0tctl\0tdie\0bigcore\0littlecore\0mpu\0"
    // Intel's name for the processor's own zone.
    "b0d\0";
// Words that mean the CPU or its chip, unless another word of the name says otherwise: "gpu-core".
constexpr const char* kChipWords = "core\0cluster\0soc\0package\0tsens\0big\0little\0bcm\0imx\0armada\0";
// Words without a meaning of their own.
constexpr const char* kFillers =
    "thermal\0therm\0temp\0temperature\0tz\0zone\0sensor\0id\0max\0min\0avg\0top\0bottom\0usr\0step\0dts\0die\0";
// Words that mean something else.
constexpr const char* kOtherWords =
    "gpu\0gpuss\0gfx\0npu\0vpu\0dsp\0isp\0ddr\0dram\0dimm\0mem\0memory\0nvme\0ssd\0hdd\0disk\0flash\0"
    "iwlwifi\0wifi\0wlan\0wireless\0phy\0modem\0mdm\0lte\0radio\0usb\0ucsi\0typec\0hdmi\0pcie\0pch\0"
    "bat\0battery\0bms\0bq\0sbs\0gauge\0charger\0charge\0chg\0power\0supply\0adapter\0vrm\0vr\0pmic\0pm\0pmi\0"
    "skin\0case\0quiet\0ambient\0board\0tboard\0tdiode\0fan\0camera\0cam\0video\0display\0lcd\0backlight\0xo\0pa\0"
    // Intel's policy zone, which always reads 20.
    "int\0";

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsLetterOrDigit(char c) { return IsDigit(c) || (Lower(c) >= 'a' && Lower(c) <= 'z'); }

bool IsOneOf(Span word, const char* words) {
  for (; *words != '\0'; words += strlen(words) + 1) {
    if (IsSameName(word, words)) return true;
  }
  return false;
}

// The words of a name, without trailing digits: "cpu", "thermal" of "cpu0-thermal". A word that is only a number is
// skipped.
bool NextWord(Span* name, Span* word) {
  while (name->size > 0) {
    size_t skipped = 0;
    while (skipped < name->size && !IsLetterOrDigit(name->data[skipped])) skipped++;
    size_t end = skipped;
    while (end < name->size && IsLetterOrDigit(name->data[end])) end++;
    *word = {name->data + skipped, end - skipped};
    *name = {name->data + end, name->size - end};
    while (word->size > 0 && IsDigit(word->data[word->size - 1])) word->size--;
    if (word->size > 0) return true;
  }
  return false;
}

bool IsCpuWord(Span word) {
  constexpr size_t kLength = 3;
  if (word.size >= kLength) {
    const Span start{word.data, kLength}, end{word.data + word.size - kLength, kLength};
    if (IsSameName(start, "cpu") || IsSameName(end, "cpu")) return true;
  }
  return IsOneOf(word, kCpuWords);
}

}  // namespace

bool IsSameName(Span name, const char* other) {
  if (name.size != strlen(other)) return false;
  for (size_t i = 0; i < name.size; i++) {
    if (Lower(name.data[i]) != Lower(other[i])) return false;
  }
  return true;
}

bool ParseTemperature(const char* data, size_t size, bool* in_thousandths, double* celsius) {
  int64_t value = 0;
  if (!ParseInteger(data, size, &value)) return false;
  const bool fits_thousandths = value >= kColdest * 1000 && value <= kHottest * 1000;
  // Numbers of 1000 and more cannot be whole degrees.
  if (fits_thousandths && (value >= 1000 || value <= -1000)) *in_thousandths = true;
  *celsius = *in_thousandths ? static_cast<double>(value) / 1000 : static_cast<double>(value);
  return *in_thousandths ? fits_thousandths : value >= kColdest && value <= kHottest;
}

Span FirstLine(const char* data, size_t size) {
  Scanner scan(data, size);
  scan.SkipBlanks();
  Span line = scan.Line();
  while (line.size > 0 && (line.data[line.size - 1] == ' ' || line.data[line.size - 1] == '\t')) line.size--;
  return line;
}

bool ParseInteger(const char* data, size_t size, int64_t* out) {
  Scanner scan(data, size);
  return scan.Signed(out) && scan.AtContentEnd();
}

bool ParseHex(const char* data, size_t size, uint64_t* out) {
  Scanner scan(data, size);
  scan.SkipBlanks();
  scan.Match("0x");
  uint64_t value = 0;
  int digits = 0;
  for (; digits < 16; digits++) {
    const char c = Lower(scan.peek());
    if (IsDigit(c))
      value = value * 16 + static_cast<uint64_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      value = value * 16 + static_cast<uint64_t>(c - 'a' + 10);
    else
      break;
    scan.Advance();
  }
  *out = value;
  return digits > 0 && scan.AtContentEnd();
}

bool IsCpuSensor(Span name) {
  bool cpu = false, chip = false, unknown = false;
  for (Span word; NextWord(&name, &word);) {
    if (IsCpuWord(word))
      cpu = true;
    else if (IsOneOf(word, kOtherWords))
      return false;
    else if (IsOneOf(word, kChipWords))
      chip = true;
    else if (!IsOneOf(word, kFillers))
      unknown = true;
  }
  return cpu || (chip && !unknown);
}

bool IsOtherSensor(Span name) {
  for (Span word; NextWord(&name, &word);) {
    if (IsOneOf(word, kOtherWords)) return true;
  }
  return false;
}

bool IsCpuCooler(Span type) {
  // Processor (ACPI), thermal-cpufreq-0, cpufreq-cpu0, cpuidle-cpu0, thermal-idle-0, intel_powerclamp.
  for (Span word; NextWord(&type, &word);) {
    if (IsOneOf(word, "processor\0cpufreq\0cpuidle\0idle\0powerclamp\0")) return true;
  }
  return false;
}

}  // namespace tripline
