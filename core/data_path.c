/* data_path.c - the folder that the user names, or source tree, then installation. */
#include "core/data_path.h"

#include "paths.h" /* made by meson.build */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

sg_status sg_data_find(char *out, size_t size, const char *relative)
{
    const char *own = getenv("SCOPEGRAD_DATA");
    const char *const roots[] = {own != NULL && *own != 0 ? own : SG_SOURCE_ROOT, SG_DATA_DIR};
    const size_t count = own != NULL && *own != 0 ? 1 : 2;
    for (size_t i = 0; i < count; i++) {
        const int length = snprintf(out, size, "%s/%s", roots[i], relative);
        if (length > 0 && (size_t)length < size && access(out, R_OK) == 0) return SG_OK;
    }
    SG_FAIL(SG_E_IO, "%s: not in %s%s%s; set SCOPEGRAD_DATA to the folder that holds it", relative, roots[0],
            count > 1 ? " and not in " : "", count > 1 ? roots[1] : "");
}
