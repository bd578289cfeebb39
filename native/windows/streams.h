// Opens the three standard streams of a command as handles.
#pragma once

#include "windows/win.h"

namespace tripline {

// Returns a new inheritable handle for a descriptor of the host; -1 is the null device. nullptr, with the reason, on
// failure.
HANDLE OpenStream(int descriptor, Failure* why);

}  // namespace tripline
