/*
 * labels.h - what a record is said to come from when its line does not say.
 *
 *	/var/log/shop/payment.log.2        service "payment"
 *	/srv/checkout-20260301.json.1      service "checkout"
 */
#ifndef SLUICE_SHIPPER_LABELS_H
#define SLUICE_SHIPPER_LABELS_H

#include "common/api/filter.h"
#include "common/base/buf.h"

/* Base name without rotation suffixes and extension; borrows from `path`, never empty. */
struct span labels_service(struct span path);
/* `"k":"v","k2":"v2"` of a list key, value, key, value, … appended to `out`. */
void labels_json(const struct sl_list *pairs, struct buf *out);

#endif
