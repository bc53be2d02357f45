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
}

bool sg_interrupted(void)
{
    return sg_signal_seen != 0;
}
