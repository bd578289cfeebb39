{
  'targets': [
    {
      'target_name': 'tripline',
      # Those of a checkout, so that what Node-API 8 lacks is noticed; an installed package makes do with Node's own.
      'include_dirs': ['native', '<!(node -p "try { require(\'node-api-headers\').include_dir } catch { \'native\' }")'],
      'defines': ['NAPI_VERSION=8'],
      'cflags': ['-Wall', '-Wextra', '-Wconversion', '-fvisibility=hidden'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++17', '-fno-exceptions', '-fno-rtti', '-fvisibility-inlines-hidden'],
      'conditions': [
        ['OS=="linux"', {
          'include_dirs': ['native/linux'],
          # The keeper of a command drops the memory in which the linker would look for a function on its first call; and
          # the library stays mapped, because a helper thread stuck in the kernel must not return into nothing.
          'ldflags': ['-Wl,-z,now', '-Wl,-z,nodelete'],
          'sources': ['<!@(node native/sources.js linux)'],
        }],
        ['OS=="mac"', {
          'include_dirs': ['native/darwin'],
          'sources': ['<!@(node native/sources.js darwin)'],
          'xcode_settings': {
            'MACOSX_DEPLOYMENT_TARGET': '11.0',
            'CLANG_CXX_LANGUAGE_STANDARD': 'c++17',
            'GCC_ENABLE_CPP_EXCEPTIONS': 'NO',
            'GCC_ENABLE_CPP_RTTI': 'NO',
            'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
          },
        }],
        ['OS=="win"', {
          'include_dirs': ['native/windows'],
          'sources': ['<!@(node native/sources.js windows)'],
          'msvs_settings': {
            'VCCLCompilerTool': { 'AdditionalOptions': ['/std:c++17'], 'RuntimeTypeInfo': 'false', 'ExceptionHandling': 0 },
          },
        }],
      ],
    },
  ],
}
