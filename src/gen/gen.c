/* SPDX-License-Identifier: Apache-2.0 */
#include "gen/gen.h"
