/* pager.c - a child that shows what we print. */
#include "aggregator/logq/pager.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void run_pager(int fd)
{
	const char *pager = getenv("PAGER");

	dup2(fd, STDIN_FILENO);
	setenv("LESS", "FRSXMK", 0);
	if (pager && pager[0])
		execl("/bin/sh", "sh", "-c", pager, (char *)NULL);
	else
		execlp("less", "less", (char *)NULL);
	execlp("cat", "cat", (char *)NULL); /* no less here: show it all the same */
	_exit(127);
}

int pager_open(pid_t *ret_pid)
{
	int fds[2];
	pid_t pid;

	*ret_pid = -1;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return STDOUT_FILENO;
	pid = fork();
	if (pid == 0)
		run_pager(fds[0]);
	close(fds[0]);
	if (pid < 0) {
		close(fds[1]);
		return STDOUT_FILENO;
	}
	*ret_pid = pid;
	return fds[1];
}

void pager_close(int fd, pid_t pid)
{
	if (pid < 0)
		return;
	close(fd);
	while (waitpid(pid, NULL, 0) < 0)
		;
}
