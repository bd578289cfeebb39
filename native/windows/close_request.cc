#include "windows/close_request.h"

namespace tripline {
namespace {

// user32.dll is looked up: most hosts have it, and a service should not get it for this.
using ForEachWindow = BOOL(WINAPI*)(WNDENUMPROC, LPARAM);
using OwnerOf = DWORD(WINAPI*)(HWND, DWORD*);
using Post = BOOL(WINAPI*)(HWND, UINT, WPARAM, LPARAM);

template <typename Function>
Function FindLoaded(const char* name) {
  const HMODULE user = GetModuleHandleW(L"user32.dll");
  return user == nullptr ? nullptr : reinterpret_cast<Function>(reinterpret_cast<void*>(GetProcAddress(user, name)));
}

struct Closing {
  const JobList* whom;
  DWORD* told;
  uint32_t count, most;
  OwnerOf owner;
  Post post;
};

BOOL CALLBACK CloseOne(HWND window, LPARAM raw) {
  auto* closing = reinterpret_cast<Closing*>(raw);
  DWORD pid = 0;
  closing->owner(window, &pid);
  if (!closing->whom->Has(pid) || !closing->post(window, WM_CLOSE, 0, 0)) return TRUE;
  if (closing->count < closing->most) closing->told[closing->count++] = pid;
  return TRUE;
}

}  // namespace

bool CloseRequest::Ask(const JobList& whom, DWORD leader) {
  // Group 0 would be everybody on our console, ourselves included.
  by_console_ = leader != 0 && GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, leader);
  told_count_ = 0;
  const auto each = FindLoaded<ForEachWindow>("EnumWindows");
  Closing closing = {
      &whom, told_, 0, kMost, FindLoaded<OwnerOf>("GetWindowThreadProcessId"), FindLoaded<Post>("PostMessageW")};
  if (each == nullptr || closing.owner == nullptr || closing.post == nullptr) return by_console_;
  each(CloseOne, reinterpret_cast<LPARAM>(&closing));
  told_count_ = closing.count;
  return by_console_;
}

bool CloseRequest::IsHeardBy(const JobList& whom) const {
  for (uint32_t i = 0; i < told_count_; i++) {
    if (whom.Has(told_[i])) return true;
  }
  if (!by_console_) return false;
  DWORD attached[256];
  const DWORD count = GetConsoleProcessList(attached, 256);
  // More than fit: somebody will be among them.
  if (count > 256) return true;
  for (DWORD i = 0; i < count; i++) {
    if (whom.Has(attached[i])) return true;
  }
  return false;
}

}  // namespace tripline
