#ifndef NIXFERRY_VERSION_H
#define NIXFERRY_VERSION_H

#define NF_VERSION "0.1.0"
/* Of this version's release. */
#define NF_VERSION_DATE "2026-11-30"

#endif
