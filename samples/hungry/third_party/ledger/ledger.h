/* An account that refuses to go below zero: small on purpose, what matters is how it is built. */
#ifndef LEDGER_H
#define LEDGER_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  long balance;
} ledger_account;

ledger_account ledger_open(void);

/* Adds `amount`, negative to take. Returns 0, or -1 when the account would go below zero; it then keeps its balance. */
int ledger_post(ledger_account* account, long amount);

long ledger_balance(const ledger_account* account);

#ifdef __cplusplus
}
#endif

#endif
