// What decides how fast and how large the release's code is; the benches measure code made with the same.
export const releaseFlags = [
  '-std=c++17',
  '-Os',
  '-Xclang',
  '-Oz',
  '-DNDEBUG',
  '-fno-exceptions',
  '-fno-rtti',
  '-fno-asynchronous-unwind-tables',
  '-fno-unwind-tables',
  '-fvisibility=hidden',
  '-fvisibility-inlines-hidden',
  '-ffunction-sections',
  '-fdata-sections',
  // zig adds checks of its own to what is not optimized for size alone.
  '-fno-sanitize=all',
  '-fno-stack-protector',
]
