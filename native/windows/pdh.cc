// The PDH query, the thread that collects it, and the slots that hold the readings.
#include "windows/pdh.h"

#include "port/platform.h"
#include "util/list.h"
#include "windows/win.h"

// After <windows.h>, on which they depend.
#include <pdh.h>

namespace tripline {
namespace {

constexpr size_t kPathSize = 96;  // longer than any path that a probe uses
constexpr DWORD kPeriodMs = 1000;
constexpr uint32_t kRetryRounds = 60;  // how often to collect before a counter that could not be added is tried again

struct Slot {
  wchar_t path[kPathSize] = {};
  uint32_t users = 0;
  uint32_t generation = 0;  // changes with the path
  CounterReading reading;
};

struct Shared {
  Mutex mutex;
  bool running GUARDED_BY(mutex) = false;
  HANDLE changed = nullptr;
  List<Slot> slots GUARDED_BY(mutex);  // only grows; free slots are reused
};

// Never destroyed: the thread may outlive the static destructors of the process.
Shared* GetShared() {
  static Shared* const shared = new Shared;
  return shared;
}

const char* MeaningOf(uint32_t status) {
  switch (status) {
    case 0xC0000BB8: return "the object is missing or disabled";
    case 0xC0000BB9: return "the counter is missing or disabled";
    case 0x800007D1: return "no such instance";
    case 0x800007D5: return "no data";
    case 0xC0000BBA: return "invalid data";
    case 0x800007D0: return "the machine does not answer";
    default: return "";
  }
}

void SetPdhError(const char* call, uint32_t status, Failure* why) {
  Message message;
  message.Add("PDH: ").Add(call).Add(": ").AddHex(status);
  const char* meaning = MeaningOf(status);
  if (meaning[0] != '\0') message.Add(" (").Add(meaning).Add(")");
  why->Set(message.get());
}

class Query {
 public:
  bool Open(Failure* why) {
    constexpr const wchar_t* kLibrary = L"pdh.dll";
    open_ = FindFunction<OpenQuery>(kLibrary, "PdhOpenQueryW");
    add_ = FindFunction<AddCounter>(kLibrary, "PdhAddEnglishCounterW");
    remove_ = FindFunction<RemoveCounter>(kLibrary, "PdhRemoveCounter");
    collect_ = FindFunction<OnQuery>(kLibrary, "PdhCollectQueryData");
    raw_ = FindFunction<GetRaw>(kLibrary, "PdhGetRawCounterValue");
    close_ = FindFunction<OnQuery>(kLibrary, "PdhCloseQuery");
    if (!open_ || !add_ || !remove_ || !collect_ || !raw_ || !close_) {
      why->Set("PDH: pdh.dll is missing or too old");
      return false;
    }
    const PDH_STATUS status = open_(nullptr, 0, &query_);
    if (status != 0) SetPdhError("PdhOpenQueryW", static_cast<uint32_t>(status), why);
    return status == 0;
  }

  void Close() {
    if (query_ != nullptr) close_(query_);
    query_ = nullptr;
  }

  bool Add(const wchar_t* path, PDH_HCOUNTER* counter, Failure* why) {
    const PDH_STATUS status = add_(query_, path, 0, counter);
    if (status != 0) SetPdhError("PdhAddEnglishCounterW", static_cast<uint32_t>(status), why);
    return status == 0;
  }

  void Remove(PDH_HCOUNTER counter) { remove_(counter); }

  bool Collect(Failure* why) {
    const PDH_STATUS status = collect_(query_);
    if (status != 0) SetPdhError("PdhCollectQueryData", static_cast<uint32_t>(status), why);
    return status == 0;
  }

  bool GetValue(PDH_HCOUNTER counter, CounterReading* out) {
    PDH_RAW_COUNTER raw = {};
    DWORD type = 0;
    const PDH_STATUS status = raw_(counter, &type, &raw);
    // PDH_CSTATUS_VALID_DATA, PDH_CSTATUS_NEW_DATA
    const bool good = status == 0 && raw.CStatus <= 1;
    if (!good)
      SetPdhError("PdhGetRawCounterValue", status != 0 ? static_cast<uint32_t>(status) : raw.CStatus, &out->why);
    out->first = static_cast<uint64_t>(raw.FirstValue);
    out->second = static_cast<uint64_t>(raw.SecondValue);
    return good;
  }

 private:
  using OpenQuery = PDH_STATUS(WINAPI*)(LPCWSTR, DWORD_PTR, PDH_HQUERY*);
  using AddCounter = PDH_STATUS(WINAPI*)(PDH_HQUERY, LPCWSTR, DWORD_PTR, PDH_HCOUNTER*);
  using RemoveCounter = PDH_STATUS(WINAPI*)(PDH_HCOUNTER);
  using OnQuery = PDH_STATUS(WINAPI*)(PDH_HQUERY);
  using GetRaw = PDH_STATUS(WINAPI*)(PDH_HCOUNTER, LPDWORD, PPDH_RAW_COUNTER);

  OpenQuery open_ = nullptr;
  AddCounter add_ = nullptr;
  RemoveCounter remove_ = nullptr;
  OnQuery collect_ = nullptr, close_ = nullptr;
  GetRaw raw_ = nullptr;
  PDH_HQUERY query_ = nullptr;
};

// The thread's own state for a slot.
struct Held {
  PDH_HCOUNTER counter = nullptr;
  uint32_t generation = 0;
  uint32_t refused_for = 0;  // rounds since the counter could not be added; 0 if it could
};

class Collector {
 public:
  static void Body(void* raw) {
    Collector collector(static_cast<Shared*>(raw));
    collector.Run();
  }

 private:
  explicit Collector(Shared* shared) : shared_(shared) {}

  void Run() {
    Failure why;
    const bool opened = query_.Open(&why);
    while (StillWanted()) {
      if (opened) {
        AddAndRemove();
        Collect();
      } else {
        FailAll(why);
      }
      WaitForSingleObject(shared_->changed, kPeriodMs);
    }
    query_.Close();
  }

  bool StillWanted() {
    MutexLock lock(&shared_->mutex);
    while (held_.size() < shared_->slots.size()) held_.push_back(Held());
    for (const Slot& slot : shared_->slots) {
      if (slot.users > 0) return true;
    }
    shared_->running = false;
    return false;
  }

  // Adding a counter may load a provider, so the lock is not held meanwhile and readers never wait.
  void AddAndRemove() {
    for (size_t i = 0; i < held_.size(); i++) {
      Held& held = held_[i];
      wchar_t path[kPathSize];
      uint32_t generation = 0;
      {
        MutexLock lock(&shared_->mutex);
        const Slot& slot = shared_->slots[i];
        generation = slot.users > 0 ? slot.generation : 0;
        for (size_t k = 0; k < kPathSize; k++) path[k] = slot.path[k];
      }
      if (held.generation != generation) {
        if (held.counter != nullptr) query_.Remove(held.counter);
        held = Held{nullptr, generation, 0};
      }
      if (generation == 0 || held.counter != nullptr) continue;
      if (held.refused_for != 0 && held.refused_for++ < kRetryRounds) continue;
      held.refused_for = 0;
      CounterReading refused;
      if (query_.Add(path, &held.counter, &refused.why)) continue;
      held.counter = nullptr;
      held.refused_for = 1;
      refused.state = CounterReading::kFailed;
      Publish(i, refused);
    }
  }

  void Collect() {
    bool any = false;
    for (const Held& held : held_) any = any || held.counter != nullptr;
    if (!any) return;
    CounterReading reading;
    const bool collected = query_.Collect(&reading.why);
    reading.at = MonotonicNow();
    ReadSystemTimes(&reading.direct);
    for (size_t i = 0; i < held_.size(); i++) {
      if (held_[i].counter == nullptr) continue;
      CounterReading one = reading;
      const bool good = collected && query_.GetValue(held_[i].counter, &one);
      one.state = good ? CounterReading::kKnown : CounterReading::kFailed;
      Publish(i, one);
    }
  }

  void Publish(size_t slot, const CounterReading& reading) {
    MutexLock lock(&shared_->mutex);
    if (shared_->slots[slot].generation == held_[slot].generation) shared_->slots[slot].reading = reading;
  }

  void FailAll(const Failure& why) {
    MutexLock lock(&shared_->mutex);
    for (Slot& slot : shared_->slots) {
      slot.reading.state = CounterReading::kFailed;
      slot.reading.why = why;
    }
  }

  Shared* const shared_;
  Query query_;
  List<Held> held_;
};

bool Same(const wchar_t* a, const wchar_t* b) {
  while (*a != L'\0' && *a == *b) a++, b++;
  return *a == *b;
}

// Finds the slot with that path, or a free one.
int FindSlot(const wchar_t* path, List<Slot>* slots) {
  int unused = -1;
  for (size_t i = 0; i < slots->size(); i++) {
    const Slot& each = (*slots)[i];
    if (each.users > 0 && Same(each.path, path)) return static_cast<int>(i);
    if (each.users == 0) unused = static_cast<int>(i);
  }
  if (unused < 0) {
    unused = static_cast<int>(slots->size());
    slots->push_back(Slot());
  }
  Slot& slot = (*slots)[static_cast<size_t>(unused)];
  size_t length = 0;
  while (path[length] != L'\0' && length + 1 < kPathSize) slot.path[length] = path[length], length++;
  slot.path[length] = L'\0';
  slot.generation++;
  slot.reading = CounterReading();
  return unused;
}

}  // namespace

void Counter::Open(const wchar_t* path) {
  Close();
  Shared* shared = GetShared();
  MutexLock lock(&shared->mutex);
  if (shared->changed == nullptr) shared->changed = CreateEventW(nullptr, FALSE, FALSE, nullptr);
  if (shared->changed == nullptr) return;
  slot_ = FindSlot(path, &shared->slots);
  Slot& slot = shared->slots[static_cast<size_t>(slot_)];
  slot.users++;
  if (!shared->running) {
    // The thread collects as soon as it starts. Without a thread, readings never change.
    shared->running = StartThread(Collector::Body, shared, "tripline-pdh");
    if (!shared->running) {
      slot.reading.state = CounterReading::kFailed;
      slot.reading.why.Set("PDH: the thread for it could not be started");
    }
  } else {
    SetEvent(shared->changed);
  }
}

void Counter::Close() {
  if (slot_ < 0) return;
  Shared* shared = GetShared();
  MutexLock lock(&shared->mutex);
  if (--shared->slots[static_cast<size_t>(slot_)].users == 0) SetEvent(shared->changed);
  slot_ = -1;
}

CounterReading Counter::Read() const {
  if (slot_ < 0) {
    CounterReading none;
    none.state = CounterReading::kFailed;
    none.why.Set("PDH: no event could be made for it");
    return none;
  }
  Shared* shared = GetShared();
  MutexLock lock(&shared->mutex);
  return shared->slots[static_cast<size_t>(slot_)].reading;
}

}  // namespace tripline
