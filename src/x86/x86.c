/* SPDX-License-Identifier: Apache-2.0 */
#include "x86/x86.h"
