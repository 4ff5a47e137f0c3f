#include "base/sandbox_calls.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "base/cleanup.h"
#include "base/sandbox_checkers.h"

#if defined(__x86_64__) && defined(__LP64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define OUR_ARCH AUDIT_ARCH_RISCV64
#endif

/* The newest that was looked at (Linux 6.1): later ones may do anything. */
#define NEWEST_CALL SYS_set_mempolicy_home_node
#ifndef SYS_set_mempolicy_home_node
#define SYS_set_mempolicy_home_node 450
#endif
/* From here on x86 has its other set of numbers for the same calls. */
#define X32_CALLS 0x40000000

static const int denied[] = {
	/* programs and processes; clone is looked at below */
	SYS_execve,
	SYS_execveat,
#ifdef SYS_fork
	SYS_fork,
	SYS_vfork,
#endif
#if !SANDBOX_HAS_CHECKER
	SYS_ptrace,
#endif
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_process_madvise,
	SYS_kcmp,
	SYS_pidfd_open,
	SYS_pidfd_getfd,
	SYS_pidfd_send_signal,
	SYS_kill,
	SYS_rt_sigqueueinfo,
	SYS_rt_tgsigqueueinfo,
	SYS_setns,
	SYS_unshare,
	SYS_personality,
	/* the kernel and the machine */
	SYS_bpf,
	SYS_perf_event_open,
	SYS_userfaultfd,
	SYS_io_uring_setup, /* its operations are calls that no filter sees */
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
#ifdef SYS_kexec_file_load
	SYS_kexec_file_load,
#endif
	SYS_kexec_load,
	SYS_reboot,
	SYS_acct,
	SYS_syslog,
	SYS_sethostname,
	SYS_setdomainname,
	SYS_settimeofday,
	SYS_clock_settime,
	SYS_clock_adjtime,
	SYS_adjtimex,
	SYS_swapon,
	SYS_swapoff,
	SYS_quotactl,
	SYS_quotactl_fd,
	SYS_vhangup,
#ifdef SYS_iopl
	SYS_iopl,
	SYS_ioperm,
	SYS_modify_ldt,
#endif
	/* mounts */
	SYS_mount,
	SYS_umount2,
	SYS_pivot_root,
	SYS_chroot,
	SYS_open_tree,
	SYS_move_mount,
	SYS_fsopen,
	SYS_fsconfig,
	SYS_fsmount,
	SYS_fspick,
	SYS_mount_setattr,
	/* files past their names, devices, attributes, and what watches files */
	SYS_name_to_handle_at,
	SYS_open_by_handle_at,
	SYS_mknodat,
#ifdef SYS_mknod
	SYS_mknod,
#endif
	SYS_setxattr,
	SYS_lsetxattr,
	SYS_fsetxattr,
	SYS_removexattr,
	SYS_lremovexattr,
	SYS_fanotify_init,
	SYS_fanotify_mark,
	/* keys of the kernel */
	SYS_add_key,
	SYS_request_key,
	SYS_keyctl,
	/* users and groups */
	SYS_setuid,
	SYS_setgid,
	SYS_setreuid,
	SYS_setregid,
	SYS_setresuid,
	SYS_setresgid,
	SYS_setfsuid,
	SYS_setfsgid,
	SYS_setgroups,
};

/* Landlock has no say over modes and owners. Root changes those of open files only. */
static const int denied_to_root[] = {
	SYS_fchmodat, SYS_fchownat,
#ifdef SYS_chmod
	SYS_chmod,    SYS_chown,    SYS_lchown,
#endif
};

static const int denied_without_sockets[] = {
	SYS_socket, SYS_connect, SYS_sendto, SYS_sendmsg, SYS_sendmmsg,
};

static const int denied_without_network[] = {
	SYS_socketpair, SYS_bind, SYS_listen, SYS_accept4,
#ifdef SYS_accept
	SYS_accept,
#endif
};

/* ---- the filter ---- */

#define FILTER_MAX 512

struct call_filter {
	struct sock_filter code[FILTER_MAX];
	unsigned short len;
};

static void add(struct call_filter *f, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	f->code[f->len++] = (struct sock_filter){ code, jt, jf, k };
}

static void load(struct call_filter *f, size_t offset)
{
	add(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void put_verdict(struct call_filter *f, uint32_t what)
{
	add(f, BPF_RET | BPF_K, 0, 0, what);
}

static void refuse(struct call_filter *f, int error)
{
	put_verdict(f, SECCOMP_RET_ERRNO | (uint32_t)error);
}

static void refuse_call(struct call_filter *f, int call, int error)
{
	add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)call);
	refuse(f, error);
}

/* The lower half of an argument: all of our machines are little-endian. */
static size_t arg_offset(int i)
{
	return offsetof(struct seccomp_data, args) + (size_t)i * sizeof(uint64_t);
}

/* Of CALL, argument ARG decides. After it the call's number is no longer loaded. */
static void look_at(struct call_filter *f, int call, int arg, uint8_t rest)
{
	add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(rest + 1), (uint32_t)call);
	load(f, arg_offset(arg));
}

/* CALL only where its argument is one of VALUES, or (IF_NOT) none of them. */
static void add_values(struct call_filter *f, int call, int arg, const uint32_t *values,
		       uint8_t count, bool if_not)
{
	look_at(f, call, arg, (uint8_t)(count + 2));
	for (uint8_t i = 0; i < count; i++)
		add(f, BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)(count - i), 0, values[i]);
	if (if_not) {
		put_verdict(f, SECCOMP_RET_ALLOW);
		refuse(f, EPERM);
	} else {
		refuse(f, EPERM);
		put_verdict(f, SECCOMP_RET_ALLOW);
	}
}

/* Threads, and no processes. The arguments of clone3 are in memory, where no filter sees
 * them: libc uses clone if there is none. */
static void add_threads(struct call_filter *f)
{
#if !SANDBOX_HAS_CHECKER
	look_at(f, SYS_clone, 0, 3);
	add(f, BPF_JMP | BPF_JSET | BPF_K, 1, 0, CLONE_THREAD);
	refuse(f, EPERM);
	put_verdict(f, SECCOMP_RET_ALLOW);
#endif
	refuse_call(f, SYS_clone3, ENOSYS);
}

static void refuse_calls(struct call_filter *f, const int *calls, size_t count)
{
	for (size_t i = 0; i < count; i++)
		refuse_call(f, calls[i], EPERM);
}

static void add_sockets(struct call_filter *f, enum sandbox_sockets sockets)
{
	/* Names are looked up through the last two. */
	static const uint32_t families[] = { AF_INET, AF_INET6, AF_UNIX, AF_NETLINK };
	static const uint32_t local[] = { AF_UNIX };

	if (sockets != SANDBOX_NETWORK)
		refuse_calls(f, denied_without_network,
			     ARRAY_SIZE(denied_without_network));
	if (sockets == SANDBOX_NETWORK)
		add_values(f, SYS_socket, 0, families, ARRAY_SIZE(families), false);
	else if (sockets == SANDBOX_LOCAL)
		add_values(f, SYS_socket, 0, local, ARRAY_SIZE(local), false);
	else
		refuse_calls(f, denied_without_sockets,
			     ARRAY_SIZE(denied_without_sockets));
}

static void make(struct call_filter *f, enum sandbox_sockets sockets)
{
	/* They type into the terminal, as its user would. */
	static const uint32_t typing[] = { TIOCSTI, TIOCLINUX };
	const uint32_t own[] = { 0, (uint32_t)getpid() };

	load(f, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
	add(f, BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32_CALLS);
	refuse(f, EPERM);
#endif
	add(f, BPF_JMP | BPF_JGT | BPF_K, 0, 1, NEWEST_CALL);
	refuse(f, ENOSYS);
	refuse_calls(f, denied, ARRAY_SIZE(denied));
	if (geteuid() == 0)
		refuse_calls(f, denied_to_root, ARRAY_SIZE(denied_to_root));
	add_sockets(f, sockets);
	add_threads(f);
	add_values(f, SYS_ioctl, 1, typing, ARRAY_SIZE(typing), true);
	add_values(f, SYS_prlimit64, 0, own, ARRAY_SIZE(own), false);
	add_values(f, SYS_tgkill, 0, own, ARRAY_SIZE(own), false);
	put_verdict(f, SECCOMP_RET_ALLOW);
}

bool sandbox_calls_enter(enum sandbox_sockets sockets)
{
#ifdef OUR_ARCH
	struct call_filter f = { .len = 0 };
	struct sock_fprog program = { .filter = f.code };

	/* A program of another architecture has other numbers for its calls. */
	load(&f, offsetof(struct seccomp_data, arch));
	add(&f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, OUR_ARCH);
	refuse(&f, EPERM);
	make(&f, sockets);
	program.len = f.len;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
#else
	(void)sockets;
	return false;
#endif
}
