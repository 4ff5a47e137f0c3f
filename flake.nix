{
  description = "Carries NixOS closures to slow, offline and new machines";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.05";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      forEachSystem = nixpkgs.lib.genAttrs systems;
      ours = system: import ./default.nix { pkgs = nixpkgs.legacyPackages.${system}; };
    in
    {
      packages = forEachSystem (system: {
        inherit (ours system) nixferry nixferry-import;
        default = (ours system).nixferry;
      });

      devShells = forEachSystem (system: {
        default = (ours system).shell;
      });

      overlays.default = final: prev: {
        inherit (import ./default.nix { pkgs = final; }) nixferry nixferry-import;
      };

      nixosModules.default = import ./nixos/module.nix;
    };
}
