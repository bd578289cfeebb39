// Kernel triggers whose file disappears, together with the waiter that they wake.
#include "linux/push_trigger.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <initializer_list>
#include <memory>

#include "check.h"
#include "port/platform.h"
#include "sampler/push_triggers.h"

namespace tripline {
namespace {

// Behaves like the pressure file of a removed group in epoll: it reports an error that persists.
int OpenFailed() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return -1;
  close(ends[0]);
  return ends[1];
}

TEST(TriggerOfAFileThatIsGoneIsGivenUp) {
  Waiter waiter;
  Failure why;
  CHECK(waiter.Open(&why));
  const std::unique_ptr<PushTrigger> trigger(MakePriorityTrigger(OpenFailed(), false));
  CHECK(waiter.Watch(trigger.get()));
  PushTrigger* fired[Waiter::kMostFired] = {};
  bool interrupted = false;
  // The trigger ends every wait at once, so keeping it would use a whole processor.
  CHECK_EQ(waiter.Wait(kNever, true, fired, &interrupted), 1u);
  CHECK(fired[0] == trigger.get());
  CHECK(!trigger->Acknowledge());
  waiter.Unwatch(trigger.get());
  waiter.Close();
}

TEST(TriggerOfAFileThatIsThereStays) {
  int ends[2];
  CHECK_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  const std::unique_ptr<PushTrigger> trigger(MakePriorityTrigger(ends[0], false));
  CHECK(trigger->Acknowledge());
  close(ends[1]);
}

// Whether the kernel has triggers depends on the machine; the direction that is asked for does not.
TEST(TriggerIsTriedInTheDirectionThatIsBad) {
  for (const Metric metric : {Metric::kMemory, Metric::kMemoryAvailable, Metric::kPressureCpu, Metric::kPressureIo}) {
    Failure why;
    CHECK(CanRing(metric, &why) || strstr(why.text, "direction") == nullptr);
  }
  Failure why;
  CHECK(!CanRing(Metric::kDisk, &why));
  CHECK(strstr(why.text, "does not push") != nullptr);
}

}  // namespace
}  // namespace tripline
