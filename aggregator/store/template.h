/*
 * template.h - the marks of stored templates; strings.h has the layout.
 */
#ifndef SLUICE_STORE_TEMPLATE_H
#define SLUICE_STORE_TEMPLATE_H

#include <stdbool.h>
#include <stdint.h>

#define TEMPLATE_SLOT ((char)0xff) /* stands for a variable; no byte of UTF-8 */

/* Kinds of slots; 1–18: digits of that width, zeros in front. */
#define SLOT_INT        0 /* digits without zeros in front */
#define SLOT_DIGITS_MAX 18
/* Texts, by what all of a slot are: GAP_DIGITS … GAP_TEXT of common/data/text_list.h. */
#define SLOT_NUMERAL 252
#define SLOT_HEX     253
#define SLOT_WORD    254
#define SLOT_TEXT    255 /* any; the only kind of texts in parts of version 1 */

static inline bool slot_is_text(uint8_t kind)
{
	return kind >= SLOT_NUMERAL;
}

#endif
