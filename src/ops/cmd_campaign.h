/*
 * Control commands about campaigns.
 */
#ifndef OPS_CMD_CAMPAIGN_H
#define OPS_CMD_CAMPAIGN_H

struct ops_call;

void ops_cmd_campaign_list(struct ops_call *c);
void ops_cmd_campaign_show(struct ops_call *c);
void ops_cmd_campaign_pause(struct ops_call *c);
void ops_cmd_campaign_resume(struct ops_call *c);
void ops_cmd_campaign_cancel(struct ops_call *c);

#endif
