# nix-build: the package. nix-build -A nixferry-import: the static importer. nix-shell -A shell: what
# building needs.
{
  pkgs ? import <nixpkgs> { },
}:

let
  nixferry = pkgs.callPackage ./nixos/package.nix { };
in
nixferry
// {
  inherit nixferry;
  nixferry-import = pkgs.pkgsStatic.callPackage ./nixos/package.nix { importOnly = true; };
  shell = pkgs.mkShell {
    inputsFrom = [ nixferry ];
    packages = [
      pkgs.bats
      pkgs.clang-tools
      pkgs.cmocka
      pkgs.jq
      pkgs.libmicrohttpd
      pkgs.shellcheck
      pkgs.sqlite
    ];
  };
  module = ./nixos/module.nix;
}
