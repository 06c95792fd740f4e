/*
 * template.h - the marks of stored templates; strings.h has the layout.
 */
#ifndef SLUICE_STORE_TEMPLATE_H
#define SLUICE_STORE_TEMPLATE_H

#include <stdint.h>

#define TEMPLATE_SLOT ((char)0xff) /* stands for a variable; no byte of UTF-8 */

/* Kinds of slots; 1–18: digits of that width, zeros in front. */
#define SLOT_INT        0 /* digits without zeros in front */
#define SLOT_DIGITS_MAX 18
#define SLOT_TEXT       255

#endif
