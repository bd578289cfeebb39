// Paths: from UTF-8 to the volume that they are on.
#pragma once

#include "win.h"

namespace tripline {

struct Volume {
  static constexpr DWORD kSize = 512;
  wchar_t path[kSize] = {};   // absolute
  wchar_t root[kSize] = {};   // of the volume, as in "C:\" or "D:\mounted\there\"
  bool local = false;         // its figures are had without asking another machine, or a drive that may be empty
};

// Finds the volume of `path`, or of the working directory where it is empty. Touches nothing on a volume that is not
// local.
bool FindVolume(const char* path, Volume* out, Failure* why);

}  // namespace tripline
