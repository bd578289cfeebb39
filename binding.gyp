# Builds the addon in a checkout. Not part of the package: next to a package.json, it makes yarn 1, older pnpm and other
# package managers compile at installation in spite of the prebuilt binaries, and fail if there is no compiler.
{
  'targets': [{ 'target_name': 'tripline', 'includes': ['native/addon.gypi'] }],
}
