# How the addon is built from source: what ../binding.gyp (in a checkout) and binding.gyp (in an installed package) share.
{
  # gyp makes a path that is relative to this file of what ends in _dir.
  'variables': { 'addon_dir': '.' },
  'include_dirs': [
    '.',
    # Those of a checkout, so that what Node-API 8 lacks is noticed; an installed package makes do with Node's own.
    '<!(node -p "try { require(\'node-api-headers\').include_dir } catch { \'.\' }")',
    '<!(node -p "require(\'node-addon-api\').include_dir")',
  ],
  'defines': [
    'NAPI_VERSION=8',
    'NAPI_DISABLE_CPP_EXCEPTIONS',
    'NODE_ADDON_API_DISABLE_DEPRECATED',
    # A worker that is terminated within a call of ours must not end the process.
    'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
  ],
  'cflags': ['-Wall', '-Wextra', '-Wconversion', '-fvisibility=hidden'],
  'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
  'cflags_cc': ['-std=c++17', '-fno-exceptions', '-fno-rtti', '-fvisibility-inlines-hidden'],
  'conditions': [
    ['OS=="linux"', {
      # The supervisor of a command drops the memory in which the linker would look for a function on its first call; and
      # the library stays mapped, because a helper thread stuck in the kernel must not return into nothing.
      'ldflags': ['-Wl,-z,now', '-Wl,-z,nodelete'],
      'sources': ['<!@(node <(addon_dir)/sources.js linux)'],
    }],
    ['OS=="mac"', {
      'sources': ['<!@(node <(addon_dir)/sources.js darwin)'],
      'xcode_settings': {
        'MACOSX_DEPLOYMENT_TARGET': '11.0',
        'CLANG_CXX_LANGUAGE_STANDARD': 'c++17',
        'GCC_ENABLE_CPP_EXCEPTIONS': 'NO',
        'GCC_ENABLE_CPP_RTTI': 'NO',
        'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
        'OTHER_CPLUSPLUSFLAGS': ['-Wthread-safety', '-Werror=thread-safety'],
      },
    }],
    ['OS=="win"', {
      'sources': ['<!@(node <(addon_dir)/sources.js windows)'],
      'msvs_settings': {
        'VCCLCompilerTool': { 'AdditionalOptions': ['/std:c++17'], 'RuntimeTypeInfo': 'false', 'ExceptionHandling': 0 },
      },
    }],
  ],
}
