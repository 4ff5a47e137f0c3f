# A nixpkgs that has only what our Nix files use. Its packages are derivations that build nothing.
{ system ? "x86_64-linux", isStatic ? false, ... }:

let
  lib = import ./lib.nix;
  named = name: mkDerivation { inherit name; };
  mkDerivation = args:
    derivation {
      inherit system;
      name = args.name or "${args.pname}-${args.version}";
      builder = "/bin/sh";
      buildInputs = map toString (args.buildInputs or [ ]);
      makeFlags = args.makeFlags or [ ];
    } // args;
  callPackage = file: overrides:
    let
      f = import file;
      wanted = builtins.functionArgs f;
    in
    f (builtins.intersectAttrs wanted pkgs // overrides);
  packages = lib.genAttrs [
    "bats" "brotli" "bzip2" "clang-tools" "cmocka" "curl" "gitMinimal" "jansson" "jq" "libarchive"
    "libmicrohttpd" "libsodium" "nix" "openssl" "pkg-config" "shellcheck" "sqlite" "xxHash" "xz" "zlib" "zstd"
  ] named;
  pkgs = packages // {
    inherit callPackage lib;
    stdenv = {
      inherit mkDerivation;
      cc.targetPrefix = "";
      hostPlatform = { inherit isStatic; };
    };
    mkShell = args: mkDerivation ({ name = "shell"; buildInputs = args.packages; } // args);
    pkgsStatic = import ./default.nix { inherit system; isStatic = true; };
  };
in
pkgs
