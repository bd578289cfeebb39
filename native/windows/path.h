// Finds the volume that a UTF-8 path is on.
#pragma once

#include "util/list.h"
#include "windows/win.h"

namespace tripline {

struct Volume {
  // Where the volume is, as far as that is known without accessing another machine or a drive that may be empty.
  enum Place : uint8_t {
    kLocal,    // a fixed disk of this machine, and no step of the path leads elsewhere
    kUnknown,  // a removable drive, or a path through links or mount points
    kRemote,   // a network drive
  };

  Place place = kRemote;
  List<wchar_t> path;  // absolute; includes its NUL, as `root` does
  List<wchar_t> root;  // of the volume, as in "C:\" or "D:\mounted\there\"; empty until FindRoot() has run

  // The drive letter of the path, in capitals; 0 where it has none.
  wchar_t letter() const;
};

// Finds the volume of `path`, or of the working directory where `path` is empty. Looks up the root only if the volume
// is local; anything else may hang and is left to FindRoot().
bool FindVolume(const char* path, Volume* out, Failure* why);

// Finds the root by accessing the volume itself, which may hang. `name` is used in the failure message.
bool FindRoot(const char* name, Volume* out, Failure* why);

// Whether the volume is still where it was: a drive letter may be given to a network drive later.
bool IsStillThere(const Volume& volume);

}  // namespace tripline
