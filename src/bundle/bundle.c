/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle/bundle.h"
