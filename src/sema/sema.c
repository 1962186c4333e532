/* SPDX-License-Identifier: Apache-2.0 */
#include "sema/sema.h"
