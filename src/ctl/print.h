/* SPDX-License-Identifier: Apache-2.0 */
/* From one record to text, or to what else it asks for. */
#ifndef SPILE_CTL_PRINT_H
#define SPILE_CTL_PRINT_H

#include "ctl/session.h"

/* The record may change while it is read, but `size` bytes of it can be read. */
void ctl_print_record(struct ctl_session *s, const struct abi_record *r, uint32_t size);

#endif
