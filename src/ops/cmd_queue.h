/*
 * Control commands about what waits and what is on its way.
 */
#ifndef OPS_CMD_QUEUE_H
#define OPS_CMD_QUEUE_H

struct ops_call;

void ops_cmd_queue_queues(struct ops_call *c);
void ops_cmd_queue_sites(struct ops_call *c);
void ops_cmd_queue_sessions(struct ops_call *c);
void ops_cmd_queue_flush(struct ops_call *c);
void ops_cmd_queue_parked(struct ops_call *c);
void ops_cmd_queue_release(struct ops_call *c);
void ops_cmd_queue_drop(struct ops_call *c);
void ops_cmd_queue_show(struct ops_call *c);
void ops_cmd_queue_remove(struct ops_call *c);

#endif
