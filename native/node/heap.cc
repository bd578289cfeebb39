#include "node/heap.h"

#include <algorithm>
#include <memory>

#include "node/marshal.h"
#include "sampler/sampler.h"

namespace tripline {
namespace {

constexpr size_t kMebibyte = 1 << 20;

// The room: half of the limit, so that a list that is full can be copied once more, but no more than a quarter of the
// memory that the machine has left, or its kernel ends the process instead. Less than the least is of no use.
constexpr size_t kUsualRoom = 64 * kMebibyte;
constexpr size_t kLeastRoom = 4 * kMebibyte;
constexpr double kShareOfAvailable = 0.25;

// With what V8 goes on until it asks the callback before this one. Less made V8 give up before it had asked (Node 24).
constexpr size_t kLastStep = 16 * kMebibyte;

// V8 returns to its first limit when garbage was collected and the heap is below this share of it.
constexpr double kRestoreBelow = 0.9;

// v8::MemoryPressureLevel
constexpr int kCritical = 2;

// Of one isolate. Never destroyed, like the engine that it belongs to.
struct HeapWatch {
  explicit HeapWatch(Engine* engine) : engine(engine) {}

  Engine* const engine;
  List<Instance*> instances;
  bool installed = false;
  size_t given_at = 0;  // the limit at which the room was given; 0 if it was not
  std::unique_ptr<Probe> available;
  Readings readings;

  size_t Room(size_t initial);
  void Install();
  void Remove(size_t limit);
};

// Called by V8 on the isolate's thread, in the middle of a garbage collection.
size_t OnNearLimit(void* data, size_t current, size_t initial) {
  auto* watch = static_cast<HeapWatch*>(data);
  bool breached = false;
  size_t room = 0;
  // Otherwise the room is in use, because the limit has not come back since.
  if (watch->given_at == 0 || current <= watch->given_at) {
    for (Instance* each : watch->instances) {
      if (Sampler::Get()->NoticeFullHeap(&each->environment, static_cast<double>(current))) breached = true;
    }
    if (breached) room = watch->Room(initial);
    watch->engine->Interrupt(Engine::kRegion);
  }
  if (room < kLeastRoom) {
    watch->Remove(0);
    return current + kLastStep;
  }
  watch->given_at = current;
  watch->engine->hurry = true;
  watch->engine->v8().AutomaticallyRestoreInitialHeapLimit(watch->engine->isolate(), kRestoreBelow);
  return current + room;
}

size_t HeapWatch::Room(size_t initial) {
  if (available == nullptr) return 0;
  available->Read(MonotonicNow(), MaskOf(Metric::kMemoryAvailable), &readings);
  const Reading& reading = readings[Metric::kMemoryAvailable];
  if (reading.state != Reading::kKnown) return 0;
  const auto allowed = static_cast<size_t>(reading.level * kShareOfAvailable);
  return std::min(std::max(kUsualRoom, initial / 2), allowed);
}

void HeapWatch::Install() {
  if (installed) return;
  installed = true;
  Failure ignored;
  if (available == nullptr) available.reset(MakeProbeOf(Metric::kMemoryAvailable, Selector(), &ignored));
  engine->v8().AddNearHeapLimitCallback(engine->isolate(), OnNearLimit, this);
}

void HeapWatch::Remove(size_t limit) {
  if (!installed) return;
  installed = false;
  engine->v8().RemoveNearHeapLimitCallback(engine->isolate(), OnNearLimit, limit);
}

HeapWatch* WatchOf(Engine* engine) {
  if (engine->heap == nullptr) engine->heap = new HeapWatch(engine);
  return static_cast<HeapWatch*>(engine->heap);
}

}  // namespace

bool WatchHeap(Instance* instance, bool on, bool collect) {
  Engine* engine = instance->engine;
  if (engine == nullptr || !(on || instance->watches_heap)) return false;
  HeapWatch* watch = WatchOf(engine);
  const auto notify = engine->v8().MemoryPressureNotification;
  if (collect && notify != nullptr) notify(engine->isolate(), kCritical);
  const bool given = engine->hurry;
  engine->hurry = false;
  // Also where it is watched already: the callback is gone once its room was used up.
  if (on) watch->Install();
  if (on != instance->watches_heap) {
    instance->watches_heap = on;
    if (on) {
      watch->instances.push_back(instance);
    } else {
      EraseUnordered(&watch->instances, instance);
      if (watch->instances.empty()) {
        watch->Remove(watch->given_at);
        watch->given_at = 0;
        watch->available.reset();
      }
    }
  }
  return given;
}

}  // namespace tripline
