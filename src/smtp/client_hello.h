/*
 * The states before transactions and after them: greeting, EHLO and HELO,
 * STARTTLS, QUIT. send_x appends the command, on_x reads the reply and returns
 * the next state.
 */
#ifndef SMTP_CLIENT_HELLO_H
#define SMTP_CLIENT_HELLO_H

#include "smtp/client_state.h"

enum smtp_client_state smtp_client_hello_on_greeting(struct smtp_client *c);
void smtp_client_hello_send_hello(struct smtp_client *c);
void smtp_client_hello_on_line(void *arg, struct view line);
enum smtp_client_state smtp_client_hello_on_hello(struct smtp_client *c);
enum smtp_client_state smtp_client_hello_on_helo(struct smtp_client *c);
void smtp_client_hello_send_starttls(struct smtp_client *c);
enum smtp_client_state smtp_client_hello_on_starttls(struct smtp_client *c);
enum smtp_client_state smtp_client_hello_on_idle(struct smtp_client *c);
void smtp_client_hello_send_quit(struct smtp_client *c);
enum smtp_client_state smtp_client_hello_on_quit(struct smtp_client *c);

#endif
