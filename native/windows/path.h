// Paths: from UTF-8 to the volume that they are on.
#pragma once

#include "windows/win.h"

namespace tripline {

struct Volume {
  static constexpr DWORD kSize = 512;
  wchar_t path[kSize] = {};  // absolute
  wchar_t root[kSize] = {};  // of the volume, as in "C:\" or "D:\mounted\there\"; empty until it is looked for
  bool local = false;        // its figures are had without asking another machine, or a drive that may be empty
};

// Finds the volume of `path`, or of the working directory where it is empty. Touches nothing on a volume that is not
// local, which leaves its root to FindRoot().
bool FindVolume(const char* path, Volume* out, Failure* why);

// Asks the volume itself; may hang where it is not local. `name` is for the reason why not.
bool FindRoot(const char* name, Volume* out, Failure* why);

}  // namespace tripline
