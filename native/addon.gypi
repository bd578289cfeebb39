# Builds the addon from source. Shared by ../binding.gyp (in a checkout) and binding.gyp (in an installed package).
{
  # gyp treats the value of a variable that ends in _dir as a path relative to this file.
  'variables': { 'addon_dir': '.' },
  'include_dirs': [
    '.',
    # In a checkout, headers that declare no more than Node-API 8; in an installed package, Node's own headers.
    '<!(node -p "try { require(\'node-api-headers\').include_dir } catch { \'.\' }")',
    '<!(node -p "require(\'node-addon-api\').include_dir")',
  ],
  'defines': [
    'NAPI_VERSION=8',
    'NAPI_DISABLE_CPP_EXCEPTIONS',
    'NODE_ADDON_API_DISABLE_DEPRECATED',
    # A worker that is terminated during a call into the addon must not end the process.
    'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
  ],
  'cflags': ['-Wall', '-Wextra', '-Wconversion', '-fvisibility=hidden'],
  'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
  'cflags_cc': ['-std=c++17', '-fno-exceptions', '-fno-rtti', '-fvisibility-inlines-hidden'],
  'conditions': [
    ['OS=="linux"', {
      # Functions are resolved when the addon is loaded, because a command's supervisor releases the memory that lazy
      # resolution needs. The library stays mapped, because a helper thread stuck in the kernel must not return to
      # unmapped code.
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
