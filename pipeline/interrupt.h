/* interrupt.h - Ctrl-C and SIGTERM ask a long run to stop at the end of its step; a second one kills it at once. */
#ifndef SG_PIPELINE_INTERRUPT_H
#define SG_PIPELINE_INTERRUPT_H

#include <stdbool.h>

/* Called once by main(). Also makes a too long file an error of write() and children waitable. */
void sg_interrupt_install(void);
/* True after the first signal. A loop that sees it saves its work and returns SG_E_INTERRUPTED. */
bool sg_interrupted(void);

#endif
