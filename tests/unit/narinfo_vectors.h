/* narinfos as caches serve them, and the keys that signed them. */
#ifndef NARINFO_VECTORS_H
#define NARINFO_VECTORS_H

/* Served by cache.nixos.org, signed with the key that NF_DEFAULT_PUBLIC_KEY names. */
#define NARINFO_CURL                                                                     \
	"StorePath: /nix/store/syd87l2rxw8cbsxmxl853h0r6pdwhwjr-curl-7.82.0-bin\n"       \
	"URL: nar/05ra3y72i3qjri7xskf9qj8kb29r6naqy1sqpbs3azi3xcigmj56.nar.xz\n"         \
	"Compression: xz\n"                                                              \
	"FileHash: "                                                                     \
	"sha256:05ra3y72i3qjri7xskf9qj8kb29r6naqy1sqpbs3azi3xcigmj56\n"                  \
	"FileSize: 68852\n"                                                              \
	"NarHash: "                                                                      \
	"sha256:1b4sb93wp679q4zx9k1ignby1yna3z7c4c2ri3wphylbc2dwsys0\n"                  \
	"NarSize: 196040\n"                                                              \
	"References: 0jqd0rlxzra1rs38rdxl43yh6rxchgc6-curl-7.82.0 "                      \
	"6w8g7njm4mck5dmjxws0z1xnrxvl81xa-glibc-2.34-115 "                               \
	"j5jxw3iy7bbz4a57fh9g2xm2gxmyal8h-zlib-1.2.12 "                                  \
	"yxvjs9drzsphm9pcf42a4byzj1kb9m7k-openssl-1.1.1n\n"                              \
	"Deriver: 5rwxzi7pal3qhpsyfc16gzkh939q1np6-curl-7.82.0.drv\n"                    \
	"Sig: cache.nixos.org-1:TsTTb3WGTZKphvYdBHXwo6weVILmTytUjLB+vcX89fOjjRicCHmKA4R" \
	"CPMVLkj6TMJ4GMX3HPVWRdD1hkeKZBQ==\n"

#define NARINFO_CURL_FINGERPRINT                                                         \
	"1;/nix/store/syd87l2rxw8cbsxmxl853h0r6pdwhwjr-curl-7.82.0-bin;"                 \
	"sha256:1b4sb93wp679q4zx9k1ignby1yna3z7c4c2ri3wphylbc2dwsys0;196040;"            \
	"/nix/store/0jqd0rlxzra1rs38rdxl43yh6rxchgc6-curl-7.82.0,"                       \
	"/nix/store/6w8g7njm4mck5dmjxws0z1xnrxvl81xa-glibc-2.34-115,"                    \
	"/nix/store/j5jxw3iy7bbz4a57fh9g2xm2gxmyal8h-zlib-1.2.12,"                       \
	"/nix/store/yxvjs9drzsphm9pcf42a4byzj1kb9m7k-openssl-1.1.1n"

/* It refers to itself and has no deriver. */
#define NARINFO_HELLO                                                                    \
	"StorePath: /nix/store/w9yy7v61ipb5rx6i35zq1mvc2iqfmps1-hello-2.10\n"            \
	"URL: nar/15zk4zszw9lgkdkkwy7w11m5vag11n5dhv2i6hj308qpxczvdddx.nar.xz\n"         \
	"Compression: xz\n"                                                              \
	"FileHash: "                                                                     \
	"sha256:15zk4zszw9lgkdkkwy7w11m5vag11n5dhv2i6hj308qpxczvdddx\n"                  \
	"FileSize: 41232\n"                                                              \
	"NarHash: "                                                                      \
	"sha256:1mi14cqk363wv368ffiiy01knardmnlyphi6h9xv6dkjz44hk30i\n"                  \
	"NarSize: 205968\n"                                                              \
	"References: 9df65igwjmf2wbw0gbrrgair6piqjgmi-glibc-2.31 "                       \
	"w9yy7v61ipb5rx6i35zq1mvc2iqfmps1-hello-2.10\n"                                  \
	"Sig: cache.nixos.org-1:uP5KU8MCmyRnKGlN5oEv6xWJBI5EO/Pf5aFztZuLSz8BpCcZ1fdBnJk" \
	"VXhBAlxkdm/CemsgQskhwvyd2yghTAg==\n"

/* The name of its file is the NarHash, not the FileHash. */
#define NARINFO_RIPGREP                                                                  \
	"StorePath: /nix/store/axp6zlky4x2v3jwcbq24a2cz25hzlw9b-ripgrep-15.2.0\n"        \
	"URL: nar/19yag7za8bz38dzxd7g20p8738bmb80n4ci9y3hfaxhy15rxxxyh.nar.zst\n"        \
	"Compression: zstd\n"                                                            \
	"FileHash: "                                                                     \
	"sha256:1lhgjf25d2ca7sx1ka4g5lsskicr484vqi7cbndzhz598hbr18zy\n"                  \
	"FileSize: 2133450\n"                                                            \
	"NarHash: "                                                                      \
	"sha256:19yag7za8bz38dzxd7g20p8738bmb80n4ci9y3hfaxhy15rxxxyh\n"                  \
	"NarSize: 7088584\n"                                                             \
	"References: 0d8g8n0a11v6f5m2h416ajyxmnkwc3md-glibc-2.42-67 "                    \
	"dsn500c5j62qz9f49mi3nhx74jbkf6xq-pcre2-10.47 "                                  \
	"r48746qznwqxxl9qzd8f08ny8mg1dg2y-gcc-15.3.0-lib\n"                              \
	"Sig: cache.nixos.org-1:u47N81GjFd/qpAQ8bRz3Ve584pYwp/gWswtHa6PwWSzhfYvw7oTBW0D" \
	"ThOzapKGuxqqnvw9HfKRnggOniyPBDw==\n"

/* Written by Nix 2.8: content-addressed and signed. */
#define NARINFO_TREE_FACTS                                                               \
	"StorePath: /nix/store/sgii4f5h9d2lym14f3av1r80w53l9k82-tree\n"                  \
	"URL: nar/0vc7lhjmih572y2xz67y297xbqs7p6xd3vz8ayf7bs50gg2wjrff.nar.zst\n"        \
	"Compression: zstd\n"                                                            \
	"FileHash: "                                                                     \
	"sha256:0vc7lhjmih572y2xz67y297xbqs7p6xd3vz8ayf7bs50gg2wjrff\n"                  \
	"FileSize: 250\n"                                                                \
	"NarHash: "                                                                      \
	"sha256:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx\n"                  \
	"NarSize: 1072\n"                                                                \
	"References: \n"
#define TREE_SIG                                                                         \
	"test-1:rwmiAG2d3yAazJ2XPcNtyJ0MGR9cKRuzNrzWAudaI18dL3YCOmTpWv6U8jrUhUhpMbQIt+"  \
	"+0wXshDvwSWORpAQ=="
#define TREE_CA "fixed:r:sha256:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx"
#define NARINFO_TREE                                                                     \
	NARINFO_TREE_FACTS "Sig: " TREE_SIG "\n"                                         \
			   "CA: " TREE_CA "\n"

#define TREE_FINGERPRINT                                                                 \
	"1;/nix/store/sgii4f5h9d2lym14f3av1r80w53l9k82-tree;"                            \
	"sha256:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx;1072;"

/* A key for tests alone. */
#define TEST_PUBLIC_KEY "test-1:wSToXPIn3CAwM4WJRQh9V6VYIi7BkLWuKfNt+faMMQk="
#define TEST_SECRET_KEY                                                                  \
	"test-1:mOY4zupOGmBcqtqygEAYdAbwiX9JZ1KgiT0NtrJR543BJOhc8ifcIDAzhYlFCH1XpVgiLsG" \
	"Qta4p82359owxCQ=="

#endif
