/* data_path.h - where the files that come with the program are: experiments, built-in pictures. */
#ifndef SG_CORE_DATA_PATH_H
#define SG_CORE_DATA_PATH_H

#include "core/status.h"

#include <stddef.h>

/* *out = $SCOPEGRAD_DATA/relative if that variable is set; else the first of <source tree>/relative and <installed
 * data>/relative that exists. SG_E_IO names the places that were tried. */
sg_status sg_data_find(char *out, size_t size, const char *relative);

#endif
