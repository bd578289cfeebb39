// Deliberate bugs, one of each kind that a net has to catch. They exist only in copies of files that
// `npm run test:sanitize -- --prove` makes and builds.

/**
 * - `sanitizer`: the build that it is put into
 * - `file`, `find`, `replace`: what changes; `find` must be there exactly once
 * - `net`: what has to fail: `native`, with a word that selects unit tests, or a program in test/sanitize
 * - `report`: what the net has to say
 * - `halts`: whether the net has to end with its first report, because the bug may stop the program
 */
export const BUGS = [
  {
    kind: 'use after free',
    sanitizer: 'address',
    file: 'native/node/marshal.cc',
    find: '  ForgetStack(this);\n',
    replace: '',
    net: ['blocked'],
    report: /AddressSanitizer: heap-use-after-free[\s\S]*BlockedStack/,
  },
  {
    kind: 'use after free, of a JavaScript thread that ends',
    sanitizer: 'address',
    file: 'native/sampler/sampler.cc',
    find: '  environment->board.Attach(nullptr, 0);\n',
    replace: '',
    net: ['native', 'ThreadsThatEndAtEveryStage'],
    report: /AddressSanitizer: heap-use-after-free/,
    // The flag of a guard is still written.
    also: [{ find: '  monitor_.RemoveEnvironment(environment, MonotonicNow());\n', replace: '' }],
  },
  {
    kind: 'leak',
    sanitizer: 'address',
    file: 'native/sampler/flight_log.cc',
    find: '  if (!log->End()) owned.release();\n',
    replace: '  log->End();\n  owned.release();\n',
    net: ['blocked'],
    report: /LeakSanitizer: detected memory leaks[\s\S]*FlightLogs::Create/,
  },
  {
    kind: 'leak, in the unit tests',
    sanitizer: 'address',
    file: 'native/sampler/flight_log.cc',
    find: '  if (!log->End()) owned.release();\n',
    replace: '  log->End();\n  owned.release();\n',
    net: ['native', 'FlightLogsWakeTheThreadWhenTheLastIsRemoved'],
    report: /LeakSanitizer: detected memory leaks[\s\S]*FlightLogs::Create/,
  },
  {
    kind: 'undefined behavior, in the unit tests',
    sanitizer: 'address',
    file: 'native/linux/parse/scan.cc',
    find: '  return others == 0 ? 8 : static_cast<uint32_t>(__builtin_ctzll(others)) / 8;\n',
    replace: '  return static_cast<uint32_t>(__builtin_ctzll(others)) / 8;\n',
    net: ['native', 'NumbersThatArePassedOver'],
    report: /runtime error: passing zero to ctz/,
  },
  {
    kind: 'use after free, of tickers of a worker that ends',
    sanitizer: 'address',
    file: 'native/sampler/sampler.cc',
    find: '  tickers_.RemoveEnvironment(environment);\n',
    replace: '',
    net: ['lifecycle'],
    // Where no beat comes in time to use the memory, the worker's is lost.
    report: /AddressSanitizer: heap-use-after-free|LeakSanitizer: detected memory leaks/,
  },
  {
    kind: 'use after free, of recordings of a worker that ends',
    sanitizer: 'address',
    file: 'native/sampler/sampler.cc',
    find: '  flight_logs_.RemoveEnvironment(environment, MonotonicNow());\n',
    replace: '',
    net: ['stages'],
    report: /AddressSanitizer: heap-use-after-free/,
  },
  {
    kind: 'use after free, at the end of the process',
    sanitizer: 'address',
    file: 'native/sampler/sampler.cc',
    find: '  monitor_.RemoveEnvironment(environment, MonotonicNow());\n',
    replace: '',
    net: ['exit'],
    report: /AddressSanitizer: heap-use-after-free/,
  },
  {
    kind: 'undefined behavior',
    sanitizer: 'address',
    file: 'native/sampler/regions.cc',
    find: '  stack->retry = retry;\n',
    replace: '  stack->retry = retry << (retry >> 3);\n',
    net: ['blocked'],
    report: /runtime error: shift exponent/,
  },
  {
    kind: 'data race',
    sanitizer: 'thread',
    file: 'native/sampler/slow_read.cc',
    find: 'self->probe_->Read(self->begun_, ',
    replace: 'self->probe_->Read(self->started_, ',
    net: ['native', 'SourceThatWasNotRunIsNotOverdue'],
    report: /ThreadSanitizer: data race[\s\S]*SlowRead::Body/,
  },
  {
    kind: 'data race of a worker that ends',
    sanitizer: 'thread',
    file: 'native/sampler/regions.cc',
    find: 'void Regions::Leave(Stack* stack) {\n  MutexLock lock(&lock_);\n',
    replace: 'void Regions::Leave(Stack* stack) {\n',
    net: ['blocked'],
    report: /ThreadSanitizer: data race[\s\S]*Regions::/,
  },
  {
    kind: 'lock left out',
    sanitizer: 'thread',
    file: 'native/sampler/blocked_stack.cc',
    find: 'bool BlockedStack::Read(uint64_t block, StackCopy* copy) {\n  MutexLock lock(&lock_);\n',
    replace: 'bool BlockedStack::Read(uint64_t block, StackCopy* copy) {\n',
    net: ['native', 'ThreadsReadWholeStacks'],
    report: /ThreadSanitizer: data race[\s\S]*BlockedStack::/,
  },
  {
    kind: 'locks in two orders',
    sanitizer: 'thread',
    file: 'native/sampler/regions.cc',
    find: 'void Regions::Add(Stack* stack) {\n  MutexLock lock(&lock_);\n',
    replace: 'void Regions::Add(Stack* stack) {\n  MutexLock lock(&lock_);\n  MutexLock second(host_->lock());\n',
    net: ['native', 'ThreadsWhoseRegionsEnd'],
    halts: true,
    report: /ThreadSanitizer: lock-order-inversion/,
  },
  {
    kind: 'descriptor leak',
    sanitizer: 'address',
    file: 'native/posix/spawn.cc',
    find: '    if (control_ >= 0) close(control_);\n',
    replace: '',
    net: ['commands'],
    report: /left behind: .*"descriptors"/,
  },
]
