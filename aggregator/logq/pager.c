/* pager.c - a child that shows what we print. */
#include "aggregator/logq/pager.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * The shell outlives a Ctrl-C, which is for the pager (a handler of the shell's is
 * none of its children's).  What can't be run shows nothing: then all is printed
 * as it is.
 */
#define RUN_SHELL                                                                                  \
	"trap : INT; eval \"$LOGQ_PAGER\"; code=$?; [ $code -eq 127 ] && exec cat; exit $code"

static volatile sig_atomic_t left;
static atomic_bool *cancel;

static void on_child(int signal)
{
	(void)signal;
	left = 1;
	*cancel = true;
}

static const char *chosen(void)
{
	const char *own = getenv("LOGQ_PAGER");

	return own ? own : getenv("PAGER");
}

void pager_init(struct pager *pager, bool wanted, atomic_bool *cancel_flag)
{
	const char *term = getenv("TERM"), *name = chosen();

	*pager = (struct pager){
		.wanted = wanted, .cancel = cancel_flag, .fd = STDOUT_FILENO, .pid = -1};
	if (!term || !term[0] || strcmp(term, "dumb") == 0)
		pager->wanted = false; /* less would only complain */
	if (name && (!name[0] || strcmp(name, "cat") == 0))
		pager->wanted = false;
}

static _Noreturn void run_pager(int fd)
{
	const char *name = chosen();

	dup2(fd, STDIN_FILENO);
	setenv("LESS", "FRSXMK", 0);
	if (name) {
		setenv("LOGQ_PAGER", name, 1);
		execl("/bin/sh", "sh", "-c", RUN_SHELL, (char *)NULL);
	} else {
		execlp("less", "less", (char *)NULL);
	}
	execlp("cat", "cat", (char *)NULL); /* no less here: show it all the same */
	_exit(127);
}

static void start(struct pager *pager)
{
	struct sigaction action = {.sa_handler = on_child, .sa_flags = SA_NOCLDSTOP | SA_RESTART};
	int fds[2];

	pager->wanted = false;
	cancel = pager->cancel;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return;
	sigaction(SIGCHLD, &action, NULL);
	pager->pid = fork();
	if (pager->pid == 0)
		run_pager(fds[0]);
	close(fds[0]);
	if (pager->pid < 0)
		close(fds[1]);
	else
		pager->fd = fds[1];
}

int pager_fd(struct pager *pager)
{
	if (pager->wanted)
		start(pager);
	return pager->fd;
}

bool pager_was_left(void)
{
	return left;
}

void pager_close(struct pager *pager)
{
	if (pager->pid < 0)
		return;
	signal(SIGCHLD, SIG_DFL); /* from here on its end is the end */
	close(pager->fd);
	while (waitpid(pager->pid, NULL, 0) < 0 && errno == EINTR)
		;
	pager->pid = -1;
}
