/* The whole library, so that nothing but plada.h is visible of it: whoever links it may call a function `keep`. */
#define INTERNAL static
#include "block.c"
#include "bytes.c"
#include "dense.c"
#include "file.c"
#include "json.c"
#include "pool.c"
#include "positions.c"
#include "rule.c"
#include "signature.c"
#include "text.c"
#include "zstd_profile.c"
