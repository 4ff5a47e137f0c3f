# The package, and with importOnly the importer alone: pkgsStatic builds that one for any machine.
{
  lib,
  stdenv,
  pkg-config,
  brotli,
  bzip2,
  curl,
  jansson,
  libarchive,
  libsodium,
  openssl,
  sqlite,
  xxHash,
  xz,
  zlib,
  zstd,
  importOnly ? stdenv.hostPlatform.isStatic,
}:

let
  versionHeader = builtins.readFile ../include/nixferry/version.h;
  versionOf = builtins.match ".*#define NF_VERSION \"([^\"]*)\".*" versionHeader;
  # What a build leaves in the working tree is not part of the source.
  isSource = path: type: !(builtins.elem (baseNameOf path) [ ".git" "build" "result" ]);
in
stdenv.mkDerivation {
  pname = if importOnly then "nixferry-import" else "nixferry";
  version = builtins.head versionOf;
  src = builtins.path {
    path = ../.;
    name = "nixferry-source";
    filter = isSource;
  };

  strictDeps = true;
  nativeBuildInputs = [ pkg-config ];
  buildInputs = [
    brotli
    jansson
    libarchive
    libsodium
    openssl
    sqlite
    xxHash
    zstd
  ]
  # What a static libarchive needs, and what only the network half does.
  ++ (if importOnly then [ bzip2 xz zlib ] else [ curl ]);

  enableParallelBuilding = true;
  makeFlags = [
    "PREFIX=${placeholder "out"}"
    "CC=${stdenv.cc.targetPrefix}cc"
    "PKG_CONFIG=${stdenv.cc.targetPrefix}pkg-config"
    "IMPORT=${if importOnly then "static" else "shared"}"
  ];
  buildFlags = [ (if importOnly then "build/release/nixferry-import" else "all") ];
  installTargets = [ (if importOnly then "install-import" else "install") ];

  meta = {
    description = "Carries NixOS closures to slow, offline and new machines";
    license = lib.licenses.mit;
    platforms = lib.platforms.linux;
    mainProgram = if importOnly then "nixferry-import" else "nixferry";
  };
}
