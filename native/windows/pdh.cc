#include "windows/pdh.h"

#include "port/platform.h"
#include "windows/win.h"

// After <windows.h>, on which they depend.
#include <pdh.h>

namespace tripline {
namespace {

constexpr int kSlots = 64;
constexpr size_t kPathSize = 96;
constexpr DWORD kPeriodMs = 1000;
constexpr uint32_t kRetryRounds = 60;  // after which a counter that could not be had is tried again

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
  Slot slots[kSlots] GUARDED_BY(mutex);
};

// Never destroyed: the thread may outlive the static destructors of the process.
Shared* GetShared() {
  static Shared* const shared = new Shared;
  return shared;
}

const char* IndicatorKindOf(PDH_STATUS status) {
  switch (static_cast<uint32_t>(status)) {
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
  const char* meaning = IndicatorKindOf(static_cast<PDH_STATUS>(status));
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

// What the thread has of a slot; nobody else touches it.
struct Held {
  PDH_HCOUNTER counter = nullptr;
  uint32_t generation = 0;
  uint32_t refused_for = 0;  // rounds since it could not be had; 0: not refused
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
    for (const Slot& slot : shared_->slots) {
      if (slot.users > 0) return true;
    }
    shared_->running = false;
    return false;
  }

  // Adding may load a provider, so the lock is not held for it: readers never wait.
  void AddAndRemove() {
    for (int i = 0; i < kSlots; i++) {
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
    ReadDirect(&reading.direct);
    for (int i = 0; i < kSlots; i++) {
      if (held_[i].counter == nullptr) continue;
      CounterReading one = reading;
      const bool good = collected && query_.GetValue(held_[i].counter, &one);
      one.state = good ? CounterReading::kKnown : CounterReading::kFailed;
      Publish(i, one);
    }
  }

  static void ReadDirect(windows::CpuTicks* out) {
    FILETIME idle, kernel, user;
    if (!GetSystemTimes(&idle, &kernel, &user)) return;
    const auto ticks = [](const FILETIME& time) { return uint64_t{time.dwHighDateTime} << 32 | time.dwLowDateTime; };
    *out = windows::CpuTicks{ticks(idle), ticks(kernel), ticks(user)};
  }

  void Publish(int slot, const CounterReading& reading) {
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
  Held held_[kSlots];
};

bool Same(const wchar_t* a, const wchar_t* b) {
  while (*a != L'\0' && *a == *b) a++, b++;
  return *a == *b;
}

}  // namespace

void Counter::Open(const wchar_t* path) {
  Close();
  Shared* shared = GetShared();
  MutexLock lock(&shared->mutex);
  if (shared->changed == nullptr) shared->changed = CreateEventW(nullptr, FALSE, FALSE, nullptr);
  if (shared->changed == nullptr) return;
  for (int i = 0; i < kSlots && slot_ < 0; i++) {
    if (shared->slots[i].users > 0 && Same(shared->slots[i].path, path)) slot_ = i;
  }
  for (int i = 0; i < kSlots && slot_ < 0; i++) {
    Slot& slot = shared->slots[i];
    if (slot.users > 0) continue;
    size_t length = 0;
    while (path[length] != L'\0' && length + 1 < kPathSize) slot.path[length] = path[length], length++;
    slot.path[length] = L'\0';
    slot.generation++;
    slot.reading = CounterReading();
    slot_ = i;
  }
  if (slot_ < 0) return;
  shared->slots[slot_].users++;
  if (!shared->running) {
    // It reads at once when it starts; without a thread the reading stays what it is.
    shared->running = StartThread(Collector::Body, shared, "tripline-pdh");
    if (!shared->running) {
      shared->slots[slot_].reading.state = CounterReading::kFailed;
      shared->slots[slot_].reading.why.Set("PDH: the thread for it could not be started");
    }
  } else {
    SetEvent(shared->changed);
  }
}

void Counter::Close() {
  if (slot_ < 0) return;
  Shared* shared = GetShared();
  MutexLock lock(&shared->mutex);
  if (--shared->slots[slot_].users == 0) SetEvent(shared->changed);
  slot_ = -1;
}

CounterReading Counter::Read() const {
  if (slot_ < 0) {
    CounterReading none;
    none.state = CounterReading::kFailed;
    none.why.Set("PDH: too many counters at once");
    return none;
  }
  Shared* shared = GetShared();
  MutexLock lock(&shared->mutex);
  return shared->slots[slot_].reading;
}

}  // namespace tripline
