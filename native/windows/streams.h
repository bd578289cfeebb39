// The three streams that a command gets, as handles.
#pragma once

#include "windows/win.h"

namespace tripline {

// A descriptor of the host's as a new handle that children inherit; -1 is the null device. nullptr and why.
HANDLE OpenStream(int descriptor, Failure* why);

}  // namespace tripline
