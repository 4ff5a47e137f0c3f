// lagproxy: a TCP proxy on loopback that adds one-way delay and caps bandwidth, per
// direction. usage: lagproxy LISTEN_PORT TARGET_PORT DELAY_MS MBIT_PER_S [HANDSHAKE]
// (0 = no cap; the cap is shared by all connections; HANDSHAKE 0: connecting takes no
// time) build: cc -O2 -pthread lagproxy.c -o lagproxy
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
static double delay, handshake, rate;
static int target;
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static double free_at[2];
static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}
static void until(double t)
{
	double d = t - now();
	if (d > 0) {
		struct timespec s = { (time_t)d, (long)((d - (time_t)d) * 1e9) };
		nanosleep(&s, 0);
	}
}
#define CH   32768
#define RING 512
struct seg {
	double at;
	int n;
	char *b;
};
struct pipe_ {
	int from, to, dir;
	struct seg q[RING];
	int h, t, eof;
	pthread_mutex_t m;
	pthread_cond_t c;
};
static void *reader(void *a)
{
	struct pipe_ *p = a;
	for (;;) {
		char *b = malloc(CH);
		int n = read(p->from, b, CH);
		double at = now() + delay;
		if (n > 0 && rate > 0) {
			pthread_mutex_lock(&mu);
			double s = free_at[p->dir];
			if (s < now())
				s = now();
			s += n / rate;
			free_at[p->dir] = s;
			pthread_mutex_unlock(&mu);
			until(s);
			at = s + delay;
		}
		pthread_mutex_lock(&p->m);
		while (p->h - p->t >= RING)
			pthread_cond_wait(&p->c, &p->m);
		if (n <= 0) {
			p->eof = 1;
			free(b);
			pthread_cond_broadcast(&p->c);
			pthread_mutex_unlock(&p->m);
			return 0;
		}
		p->q[p->h++ % RING] = (struct seg){ at, n, b };
		pthread_cond_broadcast(&p->c);
		pthread_mutex_unlock(&p->m);
	}
}
static void *writer(void *a)
{
	struct pipe_ *p = a;
	for (;;) {
		pthread_mutex_lock(&p->m);
		while (p->h == p->t && !p->eof)
			pthread_cond_wait(&p->c, &p->m);
		if (p->h == p->t) {
			pthread_mutex_unlock(&p->m);
			shutdown(p->to, SHUT_WR);
			return 0;
		}
		struct seg s = p->q[p->t % RING];
		pthread_mutex_unlock(&p->m);
		until(s.at);
		int o = 0;
		while (o < s.n) {
			int w = write(p->to, s.b + o, s.n - o);
			if (w <= 0)
				break;
			o += w;
		}
		free(s.b);
		pthread_mutex_lock(&p->m);
		p->t++;
		pthread_cond_broadcast(&p->c);
		pthread_mutex_unlock(&p->m);
		if (o < s.n) {
			shutdown(p->from, SHUT_RD);
		}
	}
}
static void *conn(void *a)
{
	int c = (int)(long)a;
	int s = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in d = { .sin_family = AF_INET,
				 .sin_port = htons(target),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	until(now() + handshake);
	if (connect(s, (void *)&d, sizeof d)) {
		close(c);
		close(s);
		return 0;
	}
	int one = 1;
	setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	struct pipe_ *p = calloc(2, sizeof *p);
	pthread_t t[4];
	for (int i = 0; i < 2; i++) {
		p[i].from = i ? s : c;
		p[i].to = i ? c : s;
		p[i].dir = i;
		pthread_mutex_init(&p[i].m, 0);
		pthread_cond_init(&p[i].c, 0);
		pthread_create(&t[2 * i], 0, reader, &p[i]);
		pthread_create(&t[2 * i + 1], 0, writer, &p[i]);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], 0);
	close(s);
	close(c);
	free(p);
	return 0;
}
int main(int n, char **v)
{
	if (n < 5)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	target = atoi(v[2]);
	delay = atof(v[3]) / 1e3;
	rate = atof(v[4]) * 1e6 / 8;
	handshake = n > 5 && atoi(v[5]) == 0 ? 0 : 2 * delay;
	int l = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(atoi(v[1])),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (bind(l, (void *)&a, sizeof a) || listen(l, 512)) {
		perror("bind");
		return 1;
	}
	pthread_attr_t at;
	pthread_attr_init(&at);
	pthread_attr_setdetachstate(&at, 1);
	pthread_attr_setstacksize(&at, 128 * 1024);
	for (;;) {
		int c = accept(l, 0, 0);
		if (c < 0)
			continue;
		pthread_t t;
		if (pthread_create(&t, &at, conn, (void *)(long)c))
			close(c);
	}
}
