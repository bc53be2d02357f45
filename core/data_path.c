/* data_path.c - environment, source tree, installation: in this order. */
#include "core/data_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

sg_status sg_data_find(char *out, size_t size, const char *relative)
{
    const char *const roots[] = {getenv("SCOPEGRAD_DATA"), SG_SOURCE_ROOT, SG_DATA_DIR};
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
        if (roots[i] == NULL) continue;
        const int length = snprintf(out, size, "%s/%s", roots[i], relative);
        if (length > 0 && (size_t)length < size && access(out, R_OK) == 0) return SG_OK;
    }
    SG_FAIL(SG_E_IO, "%s: not found in %s, %s or $SCOPEGRAD_DATA", relative, SG_SOURCE_ROOT, SG_DATA_DIR);
}
