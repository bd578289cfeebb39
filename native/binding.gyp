# Builds the addon in an installed package, into the same build folder as in a checkout; see docs/platforms.md.
{
  'targets': [{
    'target_name': 'tripline',
    'includes': ['addon.gypi'],
    # Relative to the folder in which node-gyp builds.
    'product_dir': '../../build/<(CONFIGURATION_NAME)',
  }],
}
