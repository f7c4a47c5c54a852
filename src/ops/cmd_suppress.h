/*
 * Control commands about addresses that get no mail.
 */
#ifndef OPS_CMD_SUPPRESS_H
#define OPS_CMD_SUPPRESS_H

struct ops_call;

void ops_cmd_suppress_add(struct ops_call *c);
void ops_cmd_suppress_remove(struct ops_call *c);
void ops_cmd_suppress_test(struct ops_call *c);
void ops_cmd_suppress_list(struct ops_call *c);

#endif
