# services.nixferry.prefetch: fetches NixOS closures into nixferry's pool at night. The units are those of
# the package; this module writes the files that they read, and what NixOS sets by drop-ins.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkEnableOption mkIf mkOption types;
  cfg = config.services.nixferry.prefetch;

  # systemd splits the options at blanks, and gives a meaning to these characters.
  word = types.strMatching "[^][:space:]\"'\\$`[]+";
  time = "([01][0-9]|2[0-3]):[0-5][0-9]";
  rate = types.strMatching "([0-9]+[KMG]?|none)(@${time}-${time})?";

  # Where systemd puts the secrets that LoadCredential= names.
  credential = name: "/run/credentials/nixferry-prefetch.service/${name}";
  secrets =
    lib.optional (cfg.bundle.signKeyFile != null) "sign-key:${cfg.bundle.signKeyFile}"
    ++ lib.optional (cfg.netrcFile != null) "netrc:${cfg.netrcFile}";
  isInStore = file: file != null && lib.hasPrefix builtins.storeDir file;

  each = option: values: lib.concatMap (value: [ option value ]) values;
  options =
    each "--substituter" cfg.substituters
    ++ each "--trusted-public-key" cfg.trustedPublicKeys
    ++ each "--limit-rate" cfg.limitRate
    ++ lib.optionals (cfg.netrcFile != null) [ "--netrc-file" (credential "netrc") ]
    ++ lib.optionals (cfg.bundle.name != null) [ "--output" "/var/lib/nixferry/${cfg.bundle.name}" ]
    ++ lib.optionals (cfg.bundle.signKeyFile != null) [ "--sign-key" (credential "sign-key") ]
    ++ cfg.extraOptions;
in
{
  options.services.nixferry.prefetch = {
    enable = mkEnableOption "fetching NixOS closures into the pool /var/cache/nixferry at night";

    package = mkOption {
      type = types.package;
      default = pkgs.nixferry or (pkgs.callPackage ./package.nix { });
      defaultText = lib.literalExpression "pkgs.nixferry";
      description = "The nixferry that runs.";
    };

    installables = mkOption {
      type = types.listOf (types.strMatching "[^\n]+");
      example = [ "github:example/systems#web" ];
      description = ''
        What to fetch: store paths, derivations, attributes of flakes, or NixOS configurations as for
        nixos-rebuild --flake.
      '';
    };

    substituters = mkOption {
      type = types.listOf word;
      default = [ ];
      example = [ "https://cache.nixos.org" ];
      description = "The caches to query. If there are none, those of nix.conf.";
    };

    trustedPublicKeys = mkOption {
      type = types.listOf word;
      default = [ ];
      description = "Keys to trust in addition to those of nix.conf.";
    };

    limitRate = mkOption {
      type = types.listOf rate;
      default = [ ];
      example = [ "2M@07:00-23:00" ];
      description = ''
        Limits of all transfers together, in bytes per second, each with the time of day for which it
        holds; without one it holds when no other does.
      '';
    };

    startAt = mkOption {
      type = types.str;
      default = "*-*-* 02:00";
      description = ''
        When to start, as in systemd.time(7), up to half an hour later. If the machine was off then, it
        starts when the machine is on again.
      '';
    };

    netrcFile = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "/etc/nixferry/netrc";
      description = "User names and passwords for caches: a file outside the store that root can read.";
    };

    bundle.name = mkOption {
      type = types.nullOr (types.strMatching "[A-Za-z0-9_][A-Za-z0-9._-]*");
      default = null;
      example = "web.bundle";
      description = "Also pack everything into a bundle of this name in /var/lib/nixferry.";
    };

    bundle.signKeyFile = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "/etc/nixferry/carrier.sec";
      description = "The secret key that signs the bundle: a file outside the store that root can read.";
    };

    extraOptions = mkOption {
      type = types.listOf word;
      default = [ ];
      example = [ "--retry-for" "2h" ];
      description = "Further options of nixferry prefetch.";
    };
  };

  config = mkIf cfg.enable {
    assertions = [
      {
        assertion = !(isInStore cfg.bundle.signKeyFile) && !(isInStore cfg.netrcFile);
        message = "services.nixferry.prefetch: every user can read a secret that is in the store; keep it outside";
      }
      {
        assertion = (cfg.bundle.name == null) == (cfg.bundle.signKeyFile == null);
        message = "services.nixferry.prefetch: bundle.name and bundle.signKeyFile need each other";
      }
    ];

    environment.systemPackages = [ cfg.package ];
    environment.etc."nixferry/installables".text = lib.concatMapStrings (line: line + "\n") cfg.installables;
    environment.etc."nixferry/prefetch.env".text = ''
      NIXFERRY_OPTIONS="${lib.concatStringsSep " " options}"
    '';

    systemd.packages = [ cfg.package ];
    systemd.services.nixferry-prefetch = {
      # It evaluates attributes of flakes.
      path = [ config.nix.package pkgs.gitMinimal ];
      serviceConfig.LoadCredential = secrets;
    };
    systemd.timers.nixferry-prefetch = {
      wantedBy = [ "timers.target" ];
      # The empty one replaces the package's.
      timerConfig.OnCalendar = [ "" cfg.startAt ];
    };
  };
}
