/* Nix32, base16 and base64. */
#ifndef ENCODING_H
#define ENCODING_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stdint.h>

/* Number of characters for SIZE bytes, without NUL. */
size_t nix32_len(size_t size);
size_t base64_len(size_t size);

/* Write the characters and a NUL. */
void nix32_encode(char *out, const uint8_t *in, size_t size);
void base16_encode(char *out, const uint8_t *in, size_t size);
void base64_encode(char *out, const uint8_t *in, size_t size);

/* Decodes exactly SIZE bytes. False for a wrong length, a character outside the alphabet
 * (upper-case hex is accepted, as in Nix), missing base64 padding or nonzero padding
 * bits. */
bool nix32_decode(uint8_t *out, size_t size, struct nf_slice text);
bool base16_decode(uint8_t *out, size_t size, struct nf_slice text);
bool base64_decode(uint8_t *out, size_t size, struct nf_slice text);

/* Decodes base64 as leniently as Nix: up to the first '=', even without padding, ignoring
 * line feeds and the value of padding bits. OUT has room for as many bytes as TEXT has
 * characters. */
bool base64_decode_loose(uint8_t *out, size_t *ret_size, struct nf_slice text);

bool nix32_is_alphabet(char c);

#endif
