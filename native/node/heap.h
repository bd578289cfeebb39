// The end of V8's heap. V8 calls back once before it is reached. While a limit on the heap is watched, the call
// breaches the limit and ends regions, and V8 gets some more room, in which canceled operations can release memory.
// When that is used up as well, V8 calls the callback that was set before: Node's own in a worker, which ends only that
// worker.
#pragma once

namespace tripline {

struct Instance;

// Begins or ends the watch for an environment, on its own thread. Does nothing if it is so already. `collect`: lets V8
// collect garbage before, after which it is back at its limit, if enough was let go. True if V8 was given room since
// the last call.
bool WatchHeap(Instance* instance, bool on, bool collect);

}  // namespace tripline
