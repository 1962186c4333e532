/* SPDX-License-Identifier: Apache-2.0 */
#include "patch/patch.h"
