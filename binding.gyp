# Builds the addon in a checkout. Not part of the package: beside a package.json it makes yarn 1, older pnpm and others
# compile at installation in spite of the binaries that ship, and fail where there is no compiler.
{
  'targets': [{ 'target_name': 'tripline', 'includes': ['native/addon.gypi'] }],
}
