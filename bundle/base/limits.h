/* Every size that comes from input is checked against one of these before it reaches an
 * allocator. */
#ifndef LIMITS_H
#define LIMITS_H

#define KIB (1024ULL)
#define MIB (1024ULL * KIB)
#define GIB (1024ULL * MIB)

/* The metadata of one path. The limits of pools, bundles and target stores are the same:
 * whatever is received within these limits can be stored, packed, verified and
 * registered.
 * References, as text: some 80,000; the largest known path has 17,000. */
#define PATHINFO_REFS_TEXT_MAX (4 * MIB)
/* Signatures that are kept, those of trusted keys first. The rest, which nobody needs, is
 * dropped. */
#define PATHINFO_SIGS_MAX      64
#define PATHINFO_SIGS_TEXT_MAX (64 * KIB)
/* One signature: ML-DSA-87 has 4627 bytes. */
#define SIGNATURE_TEXT_MAX (8 * KIB)
/* Signatures by trusted keys that are verified: each takes time. */
#define PATHINFO_CHECKS_MAX 1024

/* A narinfo: references, signatures and a few lines. */
#define NARINFO_MAX	   (PATHINFO_REFS_TEXT_MAX + 1 * MIB)
#define NARINFO_URL_MAX	   (8 * KIB)
#define NIX_CACHE_INFO_MAX (64 * KIB)

/* A NAR: the limits of the newest Nix. */
#define NAR_DEPTH_MAX  64
#define NAR_NAME_MAX   255
#define NAR_TARGET_MAX 4095
#define NAR_TAG_MAX    32

/* Unpacked size of a NAR: larger than any real one, and small enough for sums not to
 * overflow. */
#define NAR_SIZE_MAX (1ULL << 50)
/* Size of its file: compression hardly ever makes a NAR larger. */
#define NAR_FILE_SIZE_MAX(nar_size) ((nar_size) + (nar_size) / 8 + MIB)
/* Number of its file system objects, likewise. */
#define NAR_NODES_MAX (1ULL << 40)

/* Objects of one tree whose hashes are kept in memory until they are linked: some 150
 * bytes each. The largest known path has 100,000. */
#define TREE_OBJECTS_MAX (1ULL << 18)
/* Links of a target store that are remembered as good: some 100 bytes each. */
#define KNOWN_LINKS_MAX (1ULL << 18)

/* A bundle's manifest is read whole before its signature is verified: about 300 bytes per
 * path, so this allows 200,000 paths. */
#define MANIFEST_MAX	  (64 * MIB)
#define MANIFEST_SIG_MAX  (16 * KIB)
#define MANIFEST_NOTE_MAX 1024
#define BUNDLE_BLOCK_SIZE MIB
/* Blocks, each with a digest of 32 bytes: allows bundles of 1 TiB. */
#define BUNDLE_BLOCKS_MAX  (1 * MIB)
#define BUNDLE_PAYLOAD_MAX (BUNDLE_BLOCKS_MAX * BUNDLE_BLOCK_SIZE)

/* A NAR as a patch: what one of its steps makes and reads. It is in memory as a whole. */
#define DELTA_WINDOW_MAX (4 * MIB)
#define DELTA_PREFIX_MAX (8 * MIB)
#define DELTA_RANGES_MAX 1024
/* A frame: compression hardly ever makes a window larger. */
#define DELTA_FRAME_MAX (DELTA_WINDOW_MAX + 64 * KIB)
/* Steps: each takes time, whatever it makes. */
#define DELTA_STEPS_MAX(nar_size) ((nar_size) / (64 * KIB) + 64)
/* The NAR of a base without the contents of its files, which is kept in memory. */
#define DELTA_OUTLINE_MAX (64 * MIB)

/* How many times a content-addressed path may contain its own hash: each offset takes 8
 * bytes. */
#define CA_SELF_REFS_MAX (4 * MIB)

/* Key files and lists of keys. */
#define KEY_FILE_MAX (64 * KIB)
#define KEY_NAME_MAX 255
/* Keys that a bundle lists: they fit into its nix-cache-info. */
#define BUNDLE_KEYS_MAX 64

/* A nix.conf, and the files that it includes. */
#define NIX_CONF_MAX	   (1 * MIB)
#define NIX_CONF_FILES_MAX 256
#define NIX_CONF_DEPTH_MAX 16

/* A netrc file: 128 KiB is libcurl's limit. */
#define NETRC_MAX (128 * KIB)

/* A list of installables: a channel has 200,000 paths of about 90 bytes. */
#define TARGET_LIST_MAX (256 * MIB)

/* A .drv file: large ones hold several MiB of text in their environment. */
#define DERIVATION_MAX (64 * MIB)
/* Elements of any of its lists: a builder could not receive more. */
#define DERIVATION_ITEMS_MAX (1 * MIB)

/* An inventory: 200,000 paths take some 25 MB. */
#define INVENTORY_MAX (64 * MIB)

/* Parsed JSON is a tree in memory, many times larger than its text. */
#define JSON_MAX (16 * MIB)

/* A build's log: a line, what one log starts (copies, downloads, builds, queries), and
 * the names and messages that are kept of it. */
#define BUILD_LOG_LINE_MAX  (1 * MIB)
#define BUILD_LOG_ITEMS_MAX (1 * MIB)
#define BUILD_LOG_NAME_MAX  4096
#define BUILD_LOG_TEXT_MAX  (256 * MIB)

/* The state of a partial download: some 40 bytes per byte range. */
#define PARTIAL_STATE_MAX (64 * KIB)

/* What nix-daemon sends: a log line or an error, a store path, the fields of a progress
 * report, and the items of a list. */
#define DAEMON_MESSAGE_MAX (4 * MIB)
#define DAEMON_PATH_MAX	   4096
#define DAEMON_FIELDS_MAX  1024
#define DAEMON_ITEMS_MAX   (1 * MIB)
/* One request: the facts of a path, whose references are whole paths here. */
#define DAEMON_REQUEST_MAX (64 * MIB)

/* Symbolic links that are followed to resolve an installable. */
#define LINK_DEPTH_MAX 32

#endif
