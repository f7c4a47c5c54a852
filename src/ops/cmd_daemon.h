/*
 * Control commands about the daemon as a whole.
 */
#ifndef OPS_CMD_DAEMON_H
#define OPS_CMD_DAEMON_H

struct ops_call;

void ops_cmd_daemon_status(struct ops_call *c);
void ops_cmd_daemon_stats(struct ops_call *c);
void ops_cmd_daemon_reload(struct ops_call *c);
void ops_cmd_daemon_drain(struct ops_call *c);
void ops_cmd_daemon_stop(struct ops_call *c);

#endif
