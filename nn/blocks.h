/* blocks.h - images of any form <-> float blocks of channels: for kernels that know nothing else (inside nn/ only). */
#ifndef SG_NN_BLOCKS_H
#define SG_NN_BLOCKS_H

#include "core/op.h"

/* One image of `channels` channels of `pixels` numbers in `form` -> (ceil(channels / block), pixels, block) floats,
 * block 8 or 16; channels that are missing in the last block become 0. */
SG_HIDDEN void sg_blocks_load(float *to, int block, const void *from, sg_form form, int channels, size_t pixels);
/* The reverse; missing channels are left out. `add`: adds to what is there. */
SG_HIDDEN void sg_blocks_store(void *to, sg_form form, const float *from, int block, int channels, size_t pixels,
                               bool add);

#endif
