// Finds the functions of the host: those of Node-API in the program, all others in the libc that it has loaded. An
// import takes 70 to 100 bytes of an ELF file; a name here and its stub take 15 to 25. Every function is looked up when
// the addon is loaded, because a command's supervisor must not look one up later.
#include <stdbool.h>
#include <stddef.h>

// Made by the build: IMPORTS(X) is X(name) for each function that the addon calls, NAMES all names in the same order.
// In NAMES, a byte before each name says how many characters it shares with the one before; an empty name ends the
// list.
#include "imports.h"

// A stub jumps to the address in its slot. It changes no register but the one that calls may change, and not the stack,
// so that vfork() and functions with any number of arguments work.
#if defined(__x86_64__)
#define POINTER "8"
// Pages of the kernel may have as many bytes.
#define PAGE "4096"
#define STUB(name) name ": jmp *slot_" name "(%rip)\n"
#elif defined(__aarch64__)
#define POINTER "8"
#define PAGE "65536"
// The slots are less than a megabyte away.
#define STUB(name) ".p2align 2\n" name ": ldr x16, slot_" name "\n br x16\n"
#elif defined(__thumb__)
#define POINTER "4"
#define PAGE "65536"
#define DISTANCE(name) "(slot_" name " - (after_" name " + 4))\n"
#define STUB(name)                                                                           \
  ".thumb\n.p2align 1\n" name                                                                \
  ": movw ip, #:lower16:" DISTANCE(name) " movt ip, #:upper16:" DISTANCE(name) "after_" name \
                                                                               ": add ip, pc\n ldr.w pc, [ip]\n"
#elif defined(__arm__)
#define POINTER "4"
#define PAGE "65536"
#define STUB(name) ".arm\n.p2align 2\n" name ": ldr ip, [pc]\n ldr pc, [pc, ip]\n .word slot_" name " - (. + 4)\n"
#endif

// The slots have pages of their own, so that they can be made read-only. In the file they take no space.
__asm__(".pushsection .slots,\"aw\",%nobits\n.balign " PAGE "\n.hidden slots\n.globl slots\nslots:\n.popsection\n");
#define IMPORT(name)                                          \
  __asm__(".globl " #name "\n.hidden " #name "\n.type " #name \
          ",%function\n" STUB(#name) ".pushsection .slots\nslot_" #name ": .zero " POINTER "\n.popsection\n");
IMPORTS(IMPORT)

#define HIDDEN __attribute__((visibility("hidden")))

typedef struct napi_env__* napi_env;
typedef struct napi_value__* napi_value;
typedef int CreateString(napi_env env, const char* text, size_t size, napi_value* result);

HIDDEN extern void* slots[];
HIDDEN int mprotect(void* from, size_t size, int protection);
// The addon's own, which compile.js has renamed.
HIDDEN napi_value tripline_register_module(napi_env env, napi_value exports);

// The only import. With --wrap=dlsym, the addon's calls of dlsym() arrive at __wrap_dlsym().
void* __real_dlsym(void* library, const char* name);

/** The address of dlsym(), read in a way that needs no procedure linkage table. */
static inline void* (*Dlsym(void))(void*, const char*) {
  void* (*function)(void*, const char*) = __real_dlsym;
  __asm__("" : "+r"(function));
  return function;
}

HIDDEN void* __wrap_dlsym(void* library, const char* name) { return Dlsym()(library, name); }

// scripts/prebuild/inspect.js recognizes the names by the text before them.
static const char kNames[] = "undefined symbol: " NAMES;
enum { kText = sizeof("undefined symbol: ") - 1 };

/** The first function that the host does not have, as text; empty if it has all. */
static char missing[kText + LONGEST + 1];

__attribute__((constructor)) static void FindAll(void) {
  const char* next = kNames;
  for (size_t i = 0; i < kText; i++) missing[i] = *next++;
  void** slot = slots;
  char* name = missing + kText;
  for (;;) {
    char* end = name + *next++;
    while (*next >= ' ') *end++ = *next++;
    if (end == name) break;
    *end = '\0';
    *slot = Dlsym()(NULL, name);
    if (*slot++ == NULL) return;
  }
  missing[0] = '\0';
  // Without success, the slots merely stay writable.
  mprotect(slots, (size_t)((char*)slot - (char*)slots), 1);
}

// The loader would have refused an addon with an import that is missing. A constructor cannot do that, but nothing else
// of the addon has run before this. The exports are then a text that says what is missing: Deno drops an exception
// here.
__attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  if (missing[0] == '\0') return tripline_register_module(env, exports);
  CreateString* create_string = (CreateString*)Dlsym()(NULL, "napi_create_string_utf8");
  napi_value text = NULL;
  if (create_string != NULL) create_string(env, missing, (size_t)-1, &text);
  return text;
}
