/*
 * The states of a transaction: RSET, MAIL, RCPT, DATA, content, BDAT. send_x
 * appends the command, on_x reads the reply and returns the next state.
 */
#ifndef SMTP_CLIENT_TX_H
#define SMTP_CLIENT_TX_H

#include "smtp/client_state.h"

void smtp_client_tx_send_rset(struct smtp_client *c);
enum smtp_client_state smtp_client_tx_on_rset(struct smtp_client *c);
void smtp_client_tx_send_mail(struct smtp_client *c);
enum smtp_client_state smtp_client_tx_on_mail(struct smtp_client *c);
void smtp_client_tx_send_rcpt(struct smtp_client *c);
enum smtp_client_state smtp_client_tx_on_rcpt(struct smtp_client *c);
void smtp_client_tx_send_data(struct smtp_client *c);
enum smtp_client_state smtp_client_tx_on_data(struct smtp_client *c);
enum smtp_client_state smtp_client_tx_on_body(struct smtp_client *c);
void smtp_client_tx_send_bdat(struct smtp_client *c);
enum smtp_client_state smtp_client_tx_on_end(struct smtp_client *c);

#endif
