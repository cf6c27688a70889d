// The functions are inline: see the header.
#include "CSQLite.h"
