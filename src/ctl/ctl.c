/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl.h"
