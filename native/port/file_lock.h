// A lock on an open file that ends with its holder.
#pragma once

namespace tripline {

// Locks an open file, exclusively or together with other shared holders, without waiting. The lock ends when the last
// descriptor of this opening is closed, also by the death of the process. False if another opening holds a lock that
// excludes this one, or if the system or the file has no such locks.
bool LockFile(int fd, bool shared);

}  // namespace tripline
