/* Nix32, base16 and base64. */
#ifndef ENCODING_H
#define ENCODING_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stdint.h>

/* Characters for SIZE bytes, without NUL. */
size_t nix32_len(size_t size);
size_t base64_len(size_t size);

/* Write the characters and a NUL. */
void nix32_encode(char *out, const uint8_t *in, size_t size);
void base16_encode(char *out, const uint8_t *in, size_t size);
void base64_encode(char *out, const uint8_t *in, size_t size);

/* Exactly SIZE bytes. False for a wrong length, a character outside the alphabet (upper
 * case hex is accepted, as Nix does), missing base64 padding or padding bits that are
 * set. */
bool nix32_decode(uint8_t *out, size_t size, struct nf_slice text);
bool base16_decode(uint8_t *out, size_t size, struct nf_slice text);
bool base64_decode(uint8_t *out, size_t size, struct nf_slice text);

/* As Nix reads base64: up to the first '=', without padding too, line feeds left out,
 * whatever the last bits are. OUT has room for as many bytes as TEXT has characters. */
bool base64_decode_loose(uint8_t *out, size_t *ret_size, struct nf_slice text);

bool nix32_is_alphabet(char c);

#endif
