// Finds Node-API in the program that has loaded the addon. An import table would name node.exe and fail in Electron,
// Bun and any renamed host.
#include <windows.h>

// napi_names.inc is made by the build: NAPI(name) for each function that the addon calls.
#ifdef __i386__
#define SLOT(name) "__imp__" #name
#else
#define SLOT(name) "__imp_" #name
#endif

#define NAPI(name) FARPROC slot_##name __asm__(SLOT(name));
#include "napi_names.inc"
#undef NAPI

static const struct {
  const char* name;
  FARPROC* slot;
} kSlots[] = {
#define NAPI(name) {#name, &slot_##name},
#include "napi_names.inc"
#undef NAPI
};

BOOL WINAPI DllMain(HINSTANCE self, DWORD reason, LPVOID reserved) {
  (void)self;
  (void)reserved;
  if (reason != DLL_PROCESS_ATTACH) return TRUE;
  HMODULE host = GetModuleHandleW(L"libnode.dll");
  if (host == NULL || GetProcAddress(host, kSlots[0].name) == NULL) host = GetModuleHandleW(NULL);
  for (size_t i = 0; i < sizeof(kSlots) / sizeof(kSlots[0]); i++) {
    *kSlots[i].slot = GetProcAddress(host, kSlots[i].name);
    if (*kSlots[i].slot == NULL) return FALSE;
  }
  return TRUE;
}
