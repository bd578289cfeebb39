#include "win.h"

namespace tripline {

void SetWinError(const char* call, const char* subject, uint32_t error, const char* hint, Failure* why) {
  Message message;
  message.Add(call);
  if (subject[0] != '\0') message.Add(" ").Add(subject);
  message.Add(": error ").AddNumber(error);
  if (hint[0] != '\0') message.Add(" (").Add(hint).Add(")");
  why->Set(message.get());
}

void* FindFunction(const wchar_t* library, const char* name) {
  HMODULE module = GetModuleHandleW(library);
  if (module == nullptr) module = LoadLibraryExW(library, nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32);
  return module == nullptr ? nullptr : reinterpret_cast<void*>(GetProcAddress(module, name));
}

}  // namespace tripline
