# Of nixpkgs' lib, what our files use, and evalModule, which evaluates one module with given settings.
rec {
  genAttrs = names: f: builtins.listToAttrs (map (name: { inherit name; value = f name; }) names);
  optional = condition: value: optionals condition [ value ];
  optionals = condition: values: if condition then values else [ ];
  inherit (builtins) concatMap concatStringsSep;
  concatMapStrings = f: values: concatStringsSep "" (map f values);
  hasPrefix = prefix: text: builtins.substring 0 (builtins.stringLength prefix) text == prefix;
  literalExpression = text: text;
  licenses.mit = "MIT";
  platforms.linux = [ "x86_64-linux" "aarch64-linux" ];

  # A type is the function that checks a value.
  types = rec {
    str = builtins.isString;
    strMatching = pattern: value: str value && builtins.match pattern value != null;
    listOf = type: value: builtins.isList value && builtins.all type value;
    nullOr = type: value: value == null || type value;
    package = value: value.type or "" == "derivation";
  };
  mkOption = option: option // { isOption = true; };
  mkEnableOption = description: mkOption { type = builtins.isBool; default = false; inherit description; };
  mkIf = condition: values: if condition then values else { };

  valueOf = name: option: settings:
    if option ? isOption then
      let value = settings.${name} or option.default;
      in if option.type value then value else throw "option ${name}: wrong type"
    else if builtins.removeAttrs (settings.${name} or { }) (builtins.attrNames option) != { } then
      throw "${name}: no such option"
    else
      builtins.mapAttrs (n: o: valueOf n o (settings.${name} or { })) option;

  evalModule = pkgs: module: settings:
    let
      result = import module {
        inherit pkgs;
        lib = pkgs.lib;
        config = { nix.package = pkgs.nix; } // valueOf "config" result.options { config = settings; };
      };
    in
    result.config;
}
