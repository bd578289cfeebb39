{
  'targets': [
    {
      'target_name': 'bare',
      'sources': ['bare.cc'],
      'include_dirs': ['<!(node -p "require(\'node-api-headers\').include_dir")'],
      'defines': ['NAPI_VERSION=8'],
      'cflags': ['-Wall', '-Wextra', '-fvisibility=hidden'],
      'cflags_cc': ['-std=c++17', '-fno-exceptions', '-fno-rtti'],
    },
  ],
}
