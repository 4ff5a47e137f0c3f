/* Fake signatures that every Nix can parse; each follows a key's name and ':'. */
#ifndef FAKE_SIG_H
#define FAKE_SIG_H

#define FAKE_SIG_20(c) c c c c c c c c c c c c c c c c c c c c
/* C: one character of base64. */
#define FAKE_SIG(c)                                                                      \
	FAKE_SIG_20(c) FAKE_SIG_20(c) FAKE_SIG_20(c) FAKE_SIG_20(c) c c c c c "A=="

#endif
