// The end of V8's heap, of which V8 warns once. While a limit on the heap is watched, the warning is its doorbell: the
// limit is breached, regions are ended, and V8 is given some room in which whatever is canceled lets go. When that is
// used up as well, V8 asks the callback that was there before: Node's own in a worker, which ends only that.
#pragma once

namespace tripline {

struct Instance;

// Begins or ends the watch for an environment, on its own thread. Does nothing if it is so already. `collect`: lets V8
// collect garbage before, after which it is back at its limit, if enough was let go. True if V8 was given room since
// the last call.
bool WatchHeap(Instance* instance, bool on, bool collect);

}  // namespace tripline
