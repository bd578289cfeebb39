# Builds the addon in an installed package, into the build folder where a checkout has it: docs/platforms.md says how.
{
  'targets': [{
    'target_name': 'tripline',
    'includes': ['addon.gypi'],
    # Seen from the folder that node-gyp builds in.
    'product_dir': '../../build/<(CONFIGURATION_NAME)',
  }],
}
