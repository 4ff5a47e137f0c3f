/* Every size that comes from input meets one of these before it meets an allocator. */
#ifndef LIMITS_H
#define LIMITS_H

#define KIB (1024ULL)
#define MIB (1024ULL * KIB)
#define GIB (1024ULL * MIB)

/* What is told of one path. A pool, a bundle and a target hold the same: what comes in
 * within these limits can be stored, packed, verified and registered.
 *
 * References, as text: some 80,000, where the largest known path has 17,000. */
#define PATHINFO_REFS_TEXT_MAX (4 * MIB)
/* Signatures that are kept, those of trusted keys first. More, which nobody has asked
 * for, are left out. */
#define PATHINFO_SIGS_MAX      64
#define PATHINFO_SIGS_TEXT_MAX (64 * KIB)
/* One signature: ML-DSA-87 has 4627 bytes. */
#define SIGNATURE_TEXT_MAX (8 * KIB)
/* Signatures in the name of trusted keys that are checked: each costs time. */
#define PATHINFO_CHECKS_MAX 1024

/* A narinfo: references, signatures and some lines. */
#define NARINFO_MAX	   (PATHINFO_REFS_TEXT_MAX + 1 * MIB)
#define NARINFO_URL_MAX	   (8 * KIB)
#define NIX_CACHE_INFO_MAX (64 * KIB)

/* A NAR, as the newest Nix limits it. */
#define NAR_DEPTH_MAX  64
#define NAR_NAME_MAX   255
#define NAR_TARGET_MAX 4095
#define NAR_TAG_MAX    32

/* A NAR's unpacked size: larger than any real one, small enough for sums to not overflow.
 */
#define NAR_SIZE_MAX (1ULL << 50)
/* The file that it comes as: compressed, a NAR is hardly ever larger. */
#define NAR_FILE_SIZE_MAX(nar_size) ((nar_size) + (nar_size) / 8 + MIB)
/* Its file system objects, likewise. */
#define NAR_NODES_MAX (1ULL << 40)

/* A bundle's manifest must be read whole before its signature can be checked: about 300
 * bytes a path, so this is 200,000 paths. */
#define MANIFEST_MAX	  (64 * MIB)
#define MANIFEST_SIG_MAX  (16 * KIB)
#define BUNDLE_BLOCK_SIZE MIB
/* Blocks, each with a digest of 32 bytes: bundles up to 1 TiB. */
#define BUNDLE_BLOCKS_MAX  (1 * MIB)
#define BUNDLE_PAYLOAD_MAX (BUNDLE_BLOCKS_MAX * BUNDLE_BLOCK_SIZE)

/* How often a content-addressed path may name itself: the offsets are kept, 8 bytes each.
 */
#define CA_SELF_REFS_MAX (4 * MIB)

/* Key files and lists of keys. */
#define KEY_FILE_MAX (64 * KIB)
#define KEY_NAME_MAX 255
/* Keys that a bundle tells of: they fit into its nix-cache-info. */
#define BUNDLE_KEYS_MAX 64

/* A nix.conf, and those that it includes. */
#define NIX_CONF_MAX	   (1 * MIB)
#define NIX_CONF_FILES_MAX 256
#define NIX_CONF_DEPTH_MAX 16

/* A netrc file: 128 KiB is libcurl's limit. */
#define NETRC_MAX (128 * KIB)

/* A list of targets: a channel has 200,000 paths of about 90 bytes. */
#define TARGET_LIST_MAX (256 * MIB)

/* A .drv file: large ones hold some MiB of text in their environment. */
#define DERIVATION_MAX (64 * MIB)
/* Elements of any of its lists: more could not be handed to a builder. */
#define DERIVATION_ITEMS_MAX (1 * MIB)

/* JSON that is read is a tree in memory, many times its text. */
#define JSON_MAX (16 * MIB)

/* What is known of a partial download: some 40 bytes for each run of bytes. */
#define PARTIAL_STATE_MAX (64 * KIB)

/* Symbolic links that are followed to find what a target means. */
#define LINK_DEPTH_MAX 32

#endif
