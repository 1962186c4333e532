/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/rt_api.h"
