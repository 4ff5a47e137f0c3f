#include "store/store_links.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/stream.h"
#include "expect.h"
#include "nar_script.h"
#include "store/unpack.h"
#include "temp_dir.h"

#define HELLO "04zwf782yjwnh3q6hz5izfd6jyip8kgw6g6yj43fiqhbyhdd0dqw"

struct lab {
	struct temp_dir *dir;
	struct target target;
	int temp_fd;
	struct store_links *links;
};

static void open_links(struct lab *l)
{
	struct nf_err err = { 0 };

	if (store_links_open(&l->links, &l->target, l->temp_fd, NULL, &err))
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	struct lab *l = mem_calloc(1, sizeof(*l));
	AUTO_FREE char *root = NULL;
	void *dir;

	assert_int_equal(temp_dir_setup(&dir), 0);
	l->dir = dir;
	root = temp_dir_join(l->dir, "root");
	assert_int_equal(target_open(&l->target, root, NULL), 0);
	temp_dir_mkdir(l->dir, "root/nix/store/temp");
	l->temp_fd = openat(l->target.store_fd, "temp", O_RDONLY | O_DIRECTORY);
	assert_true(l->temp_fd >= 0);
	*state = l;
	return 0;
}

static int teardown(void **state)
{
	struct lab *l = *state;
	void *dir = l->dir;

	store_links_free(l->links);
	close(l->temp_fd);
	target_close(&l->target);
	free(l);
	return temp_dir_teardown(&dir);
}

/* Unpacks the tree of the vector as NAME. */
static void unpack_hashed(struct lab *l, const char *name, struct tree_hashes *hashes)
{
	AUTO_BUF struct buf nar = { 0 };
	struct unpack_notes notes = { .hashes = hashes };
	struct nf_source *src;

	tree_hashes_init(hashes);
	buf_init(&nar, 4096);
	nar_script(&nar, nar_vectors[NAR_VECTOR_TREE].script);
	src = source_of_memory(nar.ptr, nar.len, 256);
	assert_int_equal(unpack_nar(src, l->temp_fd, name, &notes, NULL), 0);
	source_close(src);
}

static void unpack_shared(struct lab *l, const char *name)
{
	AUTO(tree_hashes_release) struct tree_hashes hashes = { 0 };
	struct nf_err err = { 0 };

	unpack_hashed(l, name, &hashes);
	if (store_links_share(l->links, name, &hashes, &err))
		fail_msg("%s", err.text);
}

static struct stat look(const struct lab *l, const char *tree, const char *name)
{
	AUTO_FREE char *path = mem_printf("root/nix/store/%s/%s", tree, name);

	return temp_dir_stat(l->dir, path);
}

static void publish(struct lab *l)
{
	AUTO(store_links_batch_release) struct store_links_batch batch = { 0 };

	assert_int_equal(store_links_collect(l->links, &batch, NULL), 0);
	store_links_publish(l->links, &batch);
}

static void assert_shared(const struct lab *l, const char *one, const char *other)
{
	static const char *const names[] = { "a", "link", "run", "sub/empty" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(look(l, one, names[i]).st_ino,
				 look(l, other, names[i]).st_ino);
		assert_int_equal(look(l, one, names[i]).st_mtime, 1);
	}
	assert_int_equal(look(l, other, "sub").st_mode & 07777, 0555);
	assert_int_equal(look(l, other, "sub").st_mtime, 1);
}

static void new_links_are_shared_before_they_are_published(void **state)
{
	struct lab *l = *state;
	uint64_t count, bytes;

	open_links(l);
	unpack_shared(l, "one");
	unpack_shared(l, "two");
	assert_shared(l, "temp/one", "temp/two");
	assert_false(temp_dir_has(l->dir, "root/nix/store/.links/" HELLO));
	publish(l);
	assert_int_equal(look(l, ".links", HELLO).st_ino,
			 look(l, "temp/one", "a").st_ino);
	assert_int_equal(look(l, ".links", HELLO).st_nlink, 3);
	unpack_shared(l, "three");
	assert_shared(l, "temp/one", "temp/three");
	store_links_tell(l->links, &count, &bytes);
	assert_int_equal(count, 8);
	assert_int_equal(bytes, 2 * (6 + 1 + 18));
}

static void a_link_that_another_process_made_stays(void **state)
{
	struct lab *l = *state;
	AUTO_FREE char *link = temp_dir_join(l->dir, "root/nix/store/.links/" HELLO);

	open_links(l);
	unpack_shared(l, "one");
	temp_dir_write(l->dir, "root/nix/store/.links/" HELLO, "other");
	publish(l);
	assert_int_equal(look(l, ".links", HELLO).st_size, 5);
	assert_int_equal(look(l, "temp/one", "a").st_nlink, 1);
}

static void an_existing_link_is_used_if_it_is_right(void **state)
{
	struct lab *l = *state;
	const char *name = "root/nix/store/.links/" HELLO;
	AUTO_FREE char *link = temp_dir_join(l->dir, name);
	const struct timespec times[2] = { { 1, 0 }, { 1, 0 } };
	ino_t inode;

	open_links(l);
	temp_dir_write(l->dir, name, "hello\n");
	inode = look(l, ".links", HELLO).st_ino;
	unpack_shared(l, "wrong-mode");
	assert_int_not_equal(look(l, "temp/wrong-mode", "a").st_ino, inode);
	temp_dir_write(l->dir, name, "hello\n");
	assert_int_equal(chmod(link, 0444), 0);
	assert_int_equal(utimensat(AT_FDCWD, link, times, 0), 0);
	store_links_free(l->links);
	assert_int_equal(unlinkat(l->temp_fd, ".links/" HELLO, 0), 0);
	free(temp_dir_run(NULL, "rm -r %s/root/nix/store/temp/.links", l->dir->path));
	open_links(l);
	inode = look(l, ".links", HELLO).st_ino;
	unpack_shared(l, "right");
	assert_int_equal(look(l, "temp/right", "a").st_ino, inode);
}

struct share_job {
	struct lab *lab;
	const char *name;
	struct tree_hashes hashes;
	pthread_barrier_t *start;
	int rc;
};

static void *share_at_once(void *arg)
{
	struct share_job *job = arg;

	pthread_barrier_wait(job->start);
	job->rc = store_links_share(job->lab->links, job->name, &job->hashes, NULL);
	return NULL;
}

static void two_threads_replace_a_damaged_link_by_the_same(void **state)
{
	struct lab *l = *state;
	pthread_barrier_t start;

	open_links(l);
	pthread_barrier_init(&start, NULL, 2);
	for (int i = 0; i < 100; i++) {
		struct share_job jobs[2] = {
			{ .lab = l, .name = "one", .start = &start },
			{ .lab = l, .name = "two", .start = &start }
		};
		pthread_t threads[2];

		temp_dir_write(l->dir, "root/nix/store/.links/" HELLO, "damaged");
		for (size_t j = 0; j < 2; j++)
			unpack_hashed(l, jobs[j].name, &jobs[j].hashes);
		for (size_t j = 0; j < 2; j++)
			pthread_create(&threads[j], NULL, share_at_once, &jobs[j]);
		for (size_t j = 0; j < 2; j++) {
			pthread_join(threads[j], NULL);
			assert_int_equal(jobs[j].rc, 0);
			tree_hashes_release(&jobs[j].hashes);
		}
		assert_shared(l, "temp/one", "temp/two");
		publish(l);
		assert_int_equal(file_remove_tree_at(l->temp_fd, "one", NULL), 0);
		assert_int_equal(file_remove_tree_at(l->temp_fd, "two", NULL), 0);
		assert_int_equal(unlinkat(l->target.store_fd, ".links/" HELLO, 0), 0);
	}
	pthread_barrier_destroy(&start);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			new_links_are_shared_before_they_are_published, setup, teardown),
		cmocka_unit_test_setup_teardown(a_link_that_another_process_made_stays,
						setup, teardown),
		cmocka_unit_test_setup_teardown(an_existing_link_is_used_if_it_is_right,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			two_threads_replace_a_damaged_link_by_the_same, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
