/* interrupt.c - one flag, set by a signal handler. */
#include "pipeline/interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

static volatile sig_atomic_t sg_signal_seen;

static void remember(int number)
{
    sg_signal_seen = number;
}

void sg_interrupt_install(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = remember;
    action.sa_flags = (int)SA_RESETHAND; /* the second signal has its usual effect */
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file beyond `ulimit -f` is an error of write(), not the end of the program */
    (void)signal(SIGCHLD, SIG_DFL); /* a parent may have it ignored; then nobody could wait for a process */
}

bool sg_interrupted(void)
{
    return sg_signal_seen != 0;
}
