#include "linux/pi_firmware.h"

#include <unistd.h>
#include <cstdio>

#include "linux/parse/sensor.h"

namespace tripline {

// The device has different names on different boards; its driver does not.
bool PiFirmware::Find(const Roots& roots) {
  Text folder;
  folder.Set(roots.sys.get(), "/bus/platform/drivers/raspberrypi-firmware");
  DirectoryReader names(folder.get());
  while (const char* name = names.Next()) {
    if (Set(folder.get(), "/", name)) return true;
  }
  return Set(roots.sys.get(), "/devices/platform/soc", "/soc:firmware");
}

bool PiFirmware::Set(const char* a, const char* b, const char* c) {
  Text path;
  path.Set(a, b, c, "/get_throttled");
  if (access(path.get(), R_OK) != 0) return false;
  path_.Set(path.get());
  return true;
}

bool PiFirmware::Read(Buffer* buffer, uint64_t* bits, Failure* why) const {
  File file;
  file.SetPath(path_.get());
  if (!file.Read(1, buffer)) {
    file.Explain("", why);
    return false;
  }
  const bool known = ParseHex(buffer->data(), buffer->size, bits);
  if (!known) snprintf(why->text, sizeof(why->text), "%.120s: not a hexadecimal number", path_.get());
  *bits &= 0xf;
  return known;
}

}  // namespace tripline
