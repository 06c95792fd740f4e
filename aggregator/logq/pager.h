/*
 * pager.h - stdout through $PAGER (less), where somebody sits at a terminal.
 *
 * Quitting the pager closes the pipe, which ends the query.
 */
#ifndef SLUICE_LOGQ_PAGER_H
#define SLUICE_LOGQ_PAGER_H

#include <sys/types.h>

/* The fd to write to: the pager's, or stdout when there is none to be had. */
int pager_open(pid_t *ret_pid);
/* Wait until the reader has left. */
void pager_close(int fd, pid_t pid);

#endif
