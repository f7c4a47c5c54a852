/*
 * A store and a delivery side for tests of src/ops: what they answer is set
 * here, what they were asked is noted in fake_log.  Answers come from the
 * loop, one turn later, as the real ones' do.
 */
#ifndef TESTS_UNIT_OPS_FAKES_H
#define TESTS_UNIT_OPS_FAKES_H

#include "store/store.h"

struct loop;

extern struct loop *fake_loop;
extern struct buf fake_log;
extern enum store_status fake_status; /* of every answer */
extern bool fake_silent;              /* no answer at all */
extern unsigned fake_cancelled;
extern struct store_campaign fake_campaigns[3];
extern const char *fake_site; /* name of the one site that is shown */

#endif
