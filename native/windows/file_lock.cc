// Windows needs no such call: a file that is opened with share mode 0 cannot be opened again.
#include "port/file_lock.h"

namespace tripline {

bool LockFile(int, bool) { return false; }

}  // namespace tripline
