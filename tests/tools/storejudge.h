/* What the judges of stores and of pools share. */
#ifndef STOREJUDGE_H
#define STOREJUDGE_H

/* Prints what is wrong; the exit status will say so. */
void judge_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

void judge_join_path(char *path, const char *dir, const char *name);
const char *judge_base_name(const char *path);
void judge_look_for_temporary(const char *dir);

/* Each of the PATHs, a list that NULL ends, has a zstd NAR in the pool. It is the NAR
 * that the cache has plain. */
void judge_pool(const char *pool, const char *cache, char **paths);

#endif
