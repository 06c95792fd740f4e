/*
 * pager.h - stdout through a pager (less), where somebody sits at a terminal.
 *
 * It starts when there is something to show.  Quitting it sets the cancel flag, so
 * that the query ends then and not only when its next row can't be written.
 * LOGQ_PAGER, else PAGER says which; empty or `cat` means none.
 *
 *	pager_init(&pager, wanted, &cancel);
 *	write(pager_fd(&pager), …)
 *	pager_close(&pager);		waits for the reader
 *	if (pager_was_left()) …		who had seen enough before the end
 */
#ifndef SLUICE_LOGQ_PAGER_H
#define SLUICE_LOGQ_PAGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

struct pager {
	bool wanted;
	atomic_bool *cancel; /* borrowed */
	int fd;
	pid_t pid; /* -1: not running */
};

/* `wanted` holds where there is a pager to be had for this terminal. */
void pager_init(struct pager *pager, bool wanted, atomic_bool *cancel);
/* The fd to write to: the pager's, or stdout. */
int pager_fd(struct pager *pager);
void pager_close(struct pager *pager);
bool pager_was_left(void);

#endif
