# In this folder and not in the package's: beside a package.json it makes yarn, older pnpm and others compile at installation,
# in spite of the binaries that ship, and fail where there is no compiler.
{
  'targets': [
    {
      'target_name': 'tripline',
      # Seen from the folder that node-gyp builds in.
      'product_dir': '../../build/<(CONFIGURATION_NAME)',
      # Those of a checkout, so that what Node-API 8 lacks is noticed; an installed package makes do with Node's own.
      'include_dirs': ['.', '<!(node -p "try { require(\'node-api-headers\').include_dir } catch { \'.\' }")'],
      'defines': ['NAPI_VERSION=8'],
      'cflags': ['-Wall', '-Wextra', '-Wconversion', '-fvisibility=hidden'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++17', '-fno-exceptions', '-fno-rtti', '-fvisibility-inlines-hidden'],
      'conditions': [
        ['OS=="linux"', {
          # The supervisor of a command drops the memory in which the linker would look for a function on its first call; and
          # the library stays mapped, because a helper thread stuck in the kernel must not return into nothing.
          'ldflags': ['-Wl,-z,now', '-Wl,-z,nodelete'],
          'sources': ['<!@(node sources.js linux)'],
        }],
        ['OS=="mac"', {
          'sources': ['<!@(node sources.js darwin)'],
          'xcode_settings': {
            'MACOSX_DEPLOYMENT_TARGET': '11.0',
            'CLANG_CXX_LANGUAGE_STANDARD': 'c++17',
            'GCC_ENABLE_CPP_EXCEPTIONS': 'NO',
            'GCC_ENABLE_CPP_RTTI': 'NO',
            'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
          },
        }],
        ['OS=="win"', {
          'sources': ['<!@(node sources.js windows)'],
          'msvs_settings': {
            'VCCLCompilerTool': { 'AdditionalOptions': ['/std:c++17'], 'RuntimeTypeInfo': 'false', 'ExceptionHandling': 0 },
          },
        }],
      ],
    },
  ],
}
