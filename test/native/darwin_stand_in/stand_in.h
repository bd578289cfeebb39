// The calls of macOS that native/darwin/ uses to follow a process tree, implemented with those of Linux. The stand-in
// differs from a real Mac:
//   - Ids are derived from start times. The forker of a process is known only if the process was read while its parent
//     was alive; macOS knows it for every process.
//   - Forks are detected by polling every millisecond, which is later than a Mac reports them.
//   - The process that inherits orphans is presented as process 1.
#pragma once

namespace stand_in {

// Must be called before anything else.
void Begin();

// What a Mac may refuse to show. Processes that are forked later inherit these settings.
extern bool refuses_ids;
extern bool hides_environments;

}  // namespace stand_in
