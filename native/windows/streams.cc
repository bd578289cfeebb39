// Turns descriptors of the host into handles that a command inherits.
#include "windows/streams.h"

#include <initializer_list>

namespace tripline {
namespace {

// Descriptors above 2 are known only to the host's C library, which can be reached through a function of libuv that the
// host may export.
HANDLE FindInHost(int descriptor, Failure* why) {
  using Lookup = intptr_t (*)(int);
  Lookup lookup = nullptr;
  for (const wchar_t* host : {static_cast<const wchar_t*>(nullptr), L"libnode.dll"}) {
    const HMODULE module = GetModuleHandleW(host);
    if (module == nullptr || lookup != nullptr) continue;
    lookup = reinterpret_cast<Lookup>(reinterpret_cast<void*>(GetProcAddress(module, "uv_get_osfhandle")));
  }
  Message message;
  message.Add("descriptor ").Add(static_cast<uint64_t>(descriptor));
  if (lookup == nullptr) {
    why->Set(message.Add(": this host does not say what it is").get());
    return nullptr;
  }
  // -1 means that the descriptor is not open, -2 that it has no handle.
  const intptr_t handle = lookup(descriptor);
  if (handle != -1 && handle != -2) return reinterpret_cast<HANDLE>(handle);
  why->Set(message.Add(" is not open").get());
  return nullptr;
}

HANDLE OpenNull(Failure* why) {
  SECURITY_ATTRIBUTES inherited = {sizeof(inherited), nullptr, TRUE};
  const HANDLE null = CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited,
                                  OPEN_EXISTING, 0, nullptr);
  if (null != INVALID_HANDLE_VALUE) return null;
  SetWinError("CreateFile", "NUL", GetLastError(), "", why);
  return nullptr;
}

}  // namespace

HANDLE OpenStream(int descriptor, Failure* why) {
  constexpr DWORD kStandard[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
  if (descriptor < 0) return OpenNull(why);
  HANDLE found = nullptr;
  if (descriptor < 3) {
    found = GetStdHandle(kStandard[descriptor]);
    // A GUI program may have no standard handles.
    if (found == nullptr || found == INVALID_HANDLE_VALUE) return OpenNull(why);
  } else {
    found = FindInHost(descriptor, why);
    if (found == nullptr) return nullptr;
  }
  HANDLE copy = nullptr;
  const HANDLE self = GetCurrentProcess();
  if (DuplicateHandle(self, found, self, &copy, 0, TRUE, DUPLICATE_SAME_ACCESS)) return copy;
  SetWinError("DuplicateHandle", "", GetLastError(), "", why);
  return nullptr;
}

}  // namespace tripline
