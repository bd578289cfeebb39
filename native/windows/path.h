// Paths: from UTF-8 to the volume that they are on.
#pragma once

#include "util/list.h"
#include "windows/win.h"

namespace tripline {

struct Volume {
  // Where it is, as far as that is known without asking another machine, or a drive that may be empty.
  enum Place : uint8_t {
    kLocal,    // a fixed disk of this machine, and nothing on the way leads elsewhere
    kUnknown,  // a removable drive, or a path with links or mount points on its way
    kRemote,   // a network drive
  };

  Place place = kRemote;
  List<wchar_t> path;  // absolute; as all texts here, with its NUL
  List<wchar_t> root;  // of the volume, as in "C:\" or "D:\mounted\there\"; empty until it is searched for

  // The drive letter of the path, in capitals; 0 where it has none.
  wchar_t letter() const;
};

// Finds the volume of `path`, or of the working directory where it is empty. Searches for the root only where that is
// local; all else may hang, and is left to FindRoot().
bool FindVolume(const char* path, Volume* out, Failure* why);

// Asks the volume itself. `name` is for the reason why not.
bool FindRoot(const char* name, Volume* out, Failure* why);

// Whether the volume is still where it was: a drive letter may be given to a network drive later.
bool IsStillThere(const Volume& volume);

}  // namespace tripline
